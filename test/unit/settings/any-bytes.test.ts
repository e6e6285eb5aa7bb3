import { expect } from "chai";
import fc from "fast-check";

import { readIniLine } from "../../../src/platform/ini-line.js";
import { decodeSettings } from "../../../src/settings/decode.js";
import { defaultSettings, SETTING_FIELDS, SETTING_KEYS } from "../../../src/settings/keys.js";
import { parseSettings, type ParsedSettings } from "../../../src/settings/parse.js";

/** As another program may have written the file; each is the same text to the worker. */
const ENCODINGS: Readonly<Record<string, (text: string) => Uint8Array>> = {
  "UTF-8": (text) => Buffer.from(text),
  "UTF-8 with a mark": (text) => Buffer.from(`\ufeff${text}`),
  "UTF-16": (text) => Buffer.from(`\ufeff${text}`, "utf16le"),
  "UTF-16, the other way round": (text) => Buffer.from(`\ufeff${text}`, "utf16le").swap16(),
  "Windows-1252": (text) => Buffer.from(text, "latin1"),
};
const PROTOTYPE_NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"];

/** Lines that are ours: what each sets, or that it sets nothing and must be reported. */
const OURS = fc.constantFrom(
  { line: "WebexPresence.PollIntervalSeconds=30", sets: 30 },
  { line: "webexpresence.pollintervalseconds = 45 ; grün", sets: 45 },
  { line: "WebexPresence.PollIntervalSeconds=4", code: "settingsInvalid" },
  { line: "WebexPresence.PollIntervalSeconds=thirty", code: "settingsInvalid" },
  { line: "WebexPresence.PollIntervallSeconds=30", code: "settingsUnknown" },
  { line: "WebexPresence.__proto__=30", code: "settingsUnknown" },
);
const FOREIGN = fc.constantFrom(
  ...["", "; Grüße", "Sip.Port=5060", "[Sip]", "key[]=1", "=", "]", '"', "\u001a", "a\\"],
  ...PROTOTYPE_NAMES.flatMap((name) => [`${name}=1`, `[${name}]`, `${name}.polluted=1`]),
);

function read(bytes: Uint8Array): ParsedSettings | null {
  const decoded = decodeSettings(bytes);
  return decoded.kind === "text" ? parseSettings(decoded.text, readIniLine, defaultSettings) : null;
}

describe("Presence.ini of any bytes", () => {
  it("gives valid settings, or the reason why it cannot be read", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(
          fc.array(
            fc.oneof(
              OURS.map(({ line }) => line),
              FOREIGN,
            ),
          ),
          fc.nat(),
          fc.nat(255),
        )
        .map(([lines, at, byte]) => {
          const text = Buffer.from(lines.join("\n"));
          if (text.length > 0) text[at % text.length] = byte;
          return new Uint8Array(text);
        }),
    );
    fc.assert(
      fc.property(bytes, (content) => {
        const decoded = decodeSettings(content);
        if (decoded.kind === "undecodable") expect(decoded.reason).to.match(/^it /);
        else {
          const { settings, problems } = parseSettings(decoded.text, readIniLine, defaultSettings);
          expect(settings).to.have.all.keys(SETTING_FIELDS);
          expect(settings.pollIntervalSeconds).to.be.within(5, 3_600);
          for (const { message, hint } of problems) expect(message && hint).to.match(/\.$/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("takes the last valid value and reports every other line of ours, in any encoding", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            OURS,
            FOREIGN.map((line) => ({ line })),
          ),
          { maxLength: 12 },
        ),
        fc.constantFrom(...Object.keys(ENCODINGS)),
        fc.constantFrom("\n", "\r\n", "\r"),
        (lines, encoding, lineEnd) => {
          // A foreign header must not hide a line of ours, which has its full name.
          const text = `WebexPresence.LogLevel=warn${lineEnd}${lines.map(({ line }) => line).join(lineEnd)}`;
          const parsed = read(ENCODINGS[encoding]!(text));
          expect(parsed, encoding).not.to.equal(null);
          const { settings, problems } = parsed!;
          expect(settings.logLevel).to.equal("warn");
          const last = lines
            .map((each) => each as { sets?: number; code?: string })
            .filter(({ sets, code }) => sets !== undefined || code === "settingsInvalid")
            .at(-1);
          expect(settings.pollIntervalSeconds).to.equal(
            last?.sets ?? SETTING_KEYS.pollIntervalSeconds.default,
          );
          expect(problems.some(({ code }) => code === "settingsInvalid")).to.equal(
            last !== undefined && last.sets === undefined,
          );
          const unknown = lines.filter((each) => "code" in each && each.code === "settingsUnknown");
          const reported = problems.filter(({ code }) => code === "settingsUnknown");
          expect(reported.length).to.be.at.least(unknown.length);
          expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
        },
      ),
      { numRuns: 300 },
    );
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });
});
