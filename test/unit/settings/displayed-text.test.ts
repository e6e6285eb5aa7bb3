import { expect } from "chai";
import fc from "fast-check";

import { readIniLine } from "../../../src/platform/ini-line.js";
import { displayedText } from "../../../src/settings/displayed-text.js";
import { SETTING_KEYS, defaultSettings, settingsValues } from "../../../src/settings/keys.js";
import { parseSettings } from "../../../src/settings/parse.js";

/** All that a status, a log or `doctor` displays of the settings. */
function displayedSettings(text: string): string {
  const { settings, problems } = parseSettings(text, readIniLine, defaultSettings);
  // A path is in effect only if there is such a file.
  const { [SETTING_KEYS.caFile.name]: path = "", ...values } = settingsValues(settings);
  return JSON.stringify([values, displayedText(String(path)), problems]);
}

describe("Displayed values of settings", () => {
  const texts: [string, string][] = [
    ["", ""],
    ["twenty", "twenty"],
    ["1,5", "1,5"],
    ["[x]", "[x]"],
    ["proxy:3128", "proxy:3128"],
    ["https://webexapis.com:443/v1", "https://webexapis.com:443/v1"],
    ["http://[::1]:8080", "http://[::1]:8080"],
    ["http://proxy:3128/path", "http://proxy:3128/path"],
    ["http://me:hunter2@proxy:3128", "http://…"],
    ["https:\\\\me:hunter2@h", "https:\\\\…"],
    ["me:hunter2@h/v1", "…"],
    ["hunter2@h", "…"],
    ["http://me:hunter2", "http://…"],
    ["https://h/v1?token=hunter2", "https://h/v1?…"],
    ["0WebexPresence.Proxy=http://me:hunter2@h", "0…"],
    ["C:\\ca.pemWebexPresence.Proxy=http://me:hunter2@h", "C:\\ca.pem…"],
    ["http://h:80WebexPresence.ClientSecret=hunter2", "http://…"],
    ["0Sip.Password=hunter2", "0Sip.Password=…"],
    ["0Sip.Password: hunter2", "0Sip.Password:…"],
    ["C:\\Users\\me@example.com\\ca#1.pem", "C:\\Users\\me@example.com\\ca#1.pem"],
    ["\\\\server\\share\\ca.pem", "\\\\server\\share\\ca.pem"],
    ["a\u0007b", "a?b"],
    ["1\u200b", "1<U+200B>"],
  ];
  for (const [text, displayed] of texts)
    it(JSON.stringify(text), () => {
      expect(displayedText(text)).to.equal(displayed);
    });

  const leaks = [
    "me:hunter2@proxy:3128",
    "http://me:hunter2#rest@proxy:3128",
    '"http://me:p@hunter2@proxy:3128"',
    "http://me:hunter2;rest@proxy:3128",
    "socks5://me:hunter2@proxy:1080",
    "proxy:3128:me:hunter2",
    "https://webexapis.com/v1?hunter2",
    "https://a b:hunter2@x",
  ];
  for (const { name } of Object.values(SETTING_KEYS))
    it(`contain no password of ${name}`, () => {
      for (const text of leaks)
        expect(displayedSettings(`${name}=${text}`), text).not.to.contain("hunter2");
    });

  it("never contain a password, whatever the key, and whatever line is joined to it", () => {
    const special = fc.constantFrom("", ...Array.from("@:/#;=?%\\]['\"!$ "));
    const password = fc.tuple(special, special).map(([a, b]) => `${a}hunter2${b}`);
    const withPassword = fc.oneof(
      password.map((text) => `http://me:${text}@proxy:3128`),
      password.map((text) => `https:\\\\me:${text}@h`),
      password.map((text) => `me:${text}@h/v1`),
      password.map((text) => `https://h/v1?token=${text}`),
    );
    const values = ["", "0", "30", "C1", "off", "https://h/v1", "http://p:1", "C:\\a.pem", "debug"];
    const names = Object.values(SETTING_KEYS).map(({ name }) => name);
    const shortNames = names.map((name) => name.replace("WebexPresence.", ""));
    const joint = fc.constantFrom(
      ...["", "Sip.Password=", "[Sip]Password=", "WebexPresence.ClientSecret="],
      ...names.map((name) => `${name}=`),
      ...shortNames.map((name) => `${name}=`),
    );
    const header = fc.constantFrom("", "[WebexPresence]\n", "[Sip]\n");
    const key = fc.constantFrom(...names, ...shortNames, "WebexPresense.Proxy", "Sip.Port");
    fc.assert(
      fc.property(
        fc.tuple(header, key, fc.constantFrom(...values), joint, withPassword),
        ([section, name, value, separator, text]) => {
          // Without a joint, the address is the whole value.
          const front = separator === "" ? "" : `${value}${separator}`;
          const file = `${section}${name}=${front}${text}`;
          expect(displayedSettings(file), file).not.to.contain("hunter2");
        },
      ),
      { numRuns: 5000 },
    );
  });
});
