import { expect } from "chai";
import fc from "fast-check";

import { readIniLine } from "../../../src/platform/ini-line.js";
import { defaultSettings, type Settings } from "../../../src/settings/keys.js";
import { parseSettings } from "../../../src/settings/parse.js";

const parsed = (text: string, current: Settings = defaultSettings) =>
  parseSettings(text, readIniLine, current);
const settings = (text: string) => parsed(text).settings;
const problemOf = (text: string, current?: Settings) => {
  const { problems } = parsed(text, current);
  expect(problems, text).to.have.length(1);
  return problems[0]!;
};

describe("parseSettings", () => {
  it("uses the defaults if the text contains no key of ours", () => {
    for (const text of [
      "",
      "\n\n",
      "Sip.Enable=1\nEnable=1\n[Sip]\nEnable=1\nWebexCalling.Enable=1",
      "; WebexPresence.Enable=1",
    ]) {
      expect(parsed(text)).to.deep.include({
        settings: defaultSettings,
        problems: [],
      });
    }
  });

  it("reads every key", () => {
    const text = [
      "WebexPresence.Enable=1",
      "WebexPresence.PollIntervalSeconds=5",
      "WebexPresence.RequestsPerMinute=600",
      "WebexPresence.StaleAfterSeconds=86400",
      "WebexPresence.ClientId=C0ffee",
      "WebexPresence.Authorize=Device",
      "WebexPresence.RedirectPort=1024",
      "WebexPresence.ApiUrl=https://api.example.com/v1/",
      "WebexPresence.Proxy=http://me@proxy.example.com:3128",
      "WebexPresence.CaFile=C:\\ProgramData\\certs\\new.pem",
      "WebexPresence.LogLevel=DEBUG",
      "WebexPresence.DashboardPort=8468",
    ].join("\r\n");
    expect(parsed(text)).to.deep.include({
      settings: {
        enable: true,
        pollIntervalSeconds: 5,
        requestsPerMinute: 600,
        staleAfterSeconds: 86400,
        clientId: "C0ffee",
        authorize: "device",
        redirectPort: 1024,
        apiUrl: "https://api.example.com/v1",
        proxy: "http://me@proxy.example.com:3128",
        caFile: "C:\\ProgramData\\certs\\new.pem",
        logLevel: "debug",
        dashboardPort: 8468,
      },
      problems: [],
    });
  });

  describe("accepts", () => {
    const on: Record<string, string> = {
      "a dotted name at the top": "WebexPresence.Enable=1",
      "a dotted name in another's section": "[Sip]\nPort=5060\nWebexPresence.Enable=1",
      "a plain name in our section": "[WebexPresence]\nEnable=1",
      "a dotted name in our section": "[WebexPresence]\nWebexPresence.Enable=1",
      "any case": "[webexPRESENCE]\neNABLE=1",
      "any case, dotted": "WEBEXPRESENCE.enable=1",
      "our section after another": "[Sip]\nEnable=0\n[WebexPresence]\nEnable=1\n[Lync]\nEnable=0",
      "our section twice": "[WebexPresence]\nLogLevel=warn\n[Sip]\n[WebexPresence]\nEnable=1",
      "lone carriage returns": "[Sip]\r[WebexPresence]\rEnable=1\r",
      "spaces and a comment": "  WebexPresence.Enable = 1 ; on",
      quotes: 'WebexPresence.Enable="1"',
      "a header with a comment": "[WebexPresence] ; ours\nEnable=1",
      "a header with a comment right behind it": "[WebexPresence]# [ours]\nEnable=1",
      "an indented header": " \t[WebexPresence]\nEnable=1",
      "a header with spaces inside": "[ WebexPresence\t]\nEnable=1",
      "a header in quotes": '["WebexPresence"]\nEnable=1\n[Sip]\nEnable=0',
      "a header before other text": "[WebexPresence] ours\nEnable=1",
      "a key before a header with a comment":
        "[WebexPresence]\nEnable=1\n[Presence] # main\nEnable=0",
      "a key before an indented header": "[WebexPresence]\nEnable=1\n\t[Presence]\nEnable=0",
      "a key before a header with spaces inside": "[WebexPresence]\nEnable=1\n[ Sip ]\nEnable=0",
      "a key before a header without its bracket": "[WebexPresence]\nEnable=1\n[Sip\nEnable=0",
      "a key before a header without its first bracket":
        "[WebexPresence]\nEnable=1\nSip]\nEnable=0",
      "a key before a header that is an entry": "[WebexPresence]\nEnable=1\n[Sip]=1\nEnable=0",
      "a key before a header in quotes": "[WebexPresence]\nEnable=1\n['Sip']\nEnable=0",
      "a text that begins after another's end":
        "Sip.Port=1\u001a\ufeffWebexPresence.Enable=1\u001a",
      "a text that begins after a comment's end": "; Sip\ufeff[WebexPresence]\nEnable=1",
      "a key before a thousand subsections": `[WebexPresence]\nEnable=1\n[${"a.".repeat(50_000)}]\nEnable=0`,
    };
    for (const [place, text] of Object.entries(on))
      it(place, () => expect(settings(text).enable).to.be.true);

    const off: Record<string, string> = {
      "a plain name at the top": "Enable=1",
      "a plain name in another's section": "[Sip]\nEnable=1",
      "a section within ours": "[WebexPresence.More]\nEnable=1",
      "a section that ends ours, by whatever name": "[WebexPresence]\n[__proto__]\nEnable=1",
      "a section that ends ours, however it is written": "[WebexPresence]\n [Sip] # main\nEnable=1",
      "a header without its bracket": "[WebexPresence\nEnable=1",
      "a header that is an entry": "[WebexPresence].Enable=1\nEnable=1",
      "a comment": "# WebexPresence.Enable=1",
    };
    for (const [place, text] of Object.entries(off))
      it(`but not ${place}`, () => expect(settings(text).enable).to.be.false);
  });

  describe("of several occurrences of a key", () => {
    it("applies the last one, wherever it is", () => {
      expect(settings("WebexPresence.Enable=0\n[WebexPresence]\nEnable=1").enable).to.be.true;
      expect(settings("[WebexPresence]\nEnable=1\n[Sip]\nwebexpresence.enable=0").enable).to.be
        .false;
    });

    it("does not report an invalid one before the last", () => {
      expect(parsed("WebexPresence.Enable=maybe\nWebexPresence.Enable=1").problems).to.deep.equal(
        [],
      );
    });

    it("keeps the current value if the last one is invalid, not the one before", () => {
      const current = { ...defaultSettings, pollIntervalSeconds: 33 };
      const { settings: after, problems } = parsed(
        "WebexPresence.PollIntervalSeconds=50\nWebexPresence.PollIntervalSeconds=4",
        current,
      );
      expect(after.pollIntervalSeconds).to.equal(33);
      expect(problems).to.have.length(1);
      expect(problems[0]?.message).to.contain("PollIntervalSeconds=4 (line 2)");
    });
  });

  it("restores the default of a removed key", () => {
    expect(parsed("", { ...defaultSettings, enable: true, clientId: "x" }).settings).to.deep.equal(
      defaultSettings,
    );
  });

  it("reports every problem in line order, with the value that stays and a hint", () => {
    const current = { ...defaultSettings, enable: true, pollIntervalSeconds: 30 };
    const { settings: after, problems } = parsed(
      "; first line\r\nWebexPresence.PollIntervalSeconds=4\r\n\r\n[webexpresence]\r\nLOGLEVEL=loud\r\nEnable=\r\nRedirectPort=2000",
      current,
    );
    expect(after).to.deep.equal({ ...current, redirectPort: 2000 });
    expect(problems).to.deep.equal([
      {
        code: "settingsInvalid",
        key: "WebexPresence.PollIntervalSeconds",
        line: 2,
        message:
          "WebexPresence.PollIntervalSeconds=4 (line 2) is not a whole number from 5 to 3600; it stays 30.",
        hint: "Write a whole number from 5 to 3600, in digits.",
      },
      {
        code: "settingsInvalid",
        key: "WebexPresence.LogLevel",
        line: 5,
        message:
          "WebexPresence.LogLevel=loud (line 5) is not one of error, warn, info, debug; it stays info.",
        hint: "Write one of error, warn, info, debug.",
      },
      {
        code: "settingsInvalid",
        key: "WebexPresence.Enable",
        line: 6,
        message: "WebexPresence.Enable= (line 6) is neither 0 nor 1; it stays 1.",
        hint: "Write 0 or 1.",
      },
    ]);
  });

  it("truncates a long value and replaces control characters", () => {
    const { message } = problemOf(`WebexPresence.LogLevel=${"x".repeat(500)}`);
    expect(message)
      .to.contain(`${"x".repeat(99)}… (line 1)`)
      .and.to.have.length.below(250);
    expect(problemOf('WebexPresence.LogLevel="a\\u0007b"').message).to.contain("LogLevel=a?b ");
  });

  it("rejects a value that is longer than any is, without its text", () => {
    const problem = problemOf(`WebexPresence.Proxy=http://${"hunter2:".repeat(600)}@x:1`);
    expect(problem.message).to.equal(
      "WebexPresence.Proxy=… (line 1) is longer than 4096 characters; it stays empty.",
    );
    expect(settings(`WebexPresence.Enable=1 ; ${"x".repeat(5000)}`).enable).to.be.true;
  });

  /** 1 MB, the largest file that is read. */
  const large: Record<string, string> = {
    "empty lines": "\n",
    "names that resemble ours": "WebexPresense.Enabel=1\n",
    "headers that resemble ours": "[Webex-Presence]\n",
    "foreign keys": "Sip.Port=5060\n",
    "our keys": "WebexPresence.Proxy=http://a@b:1\n",
    "joined lines": "x=WebexPresence.Enable=1 ",
  };
  for (const [what, piece] of Object.entries(large)) {
    it(`reads 1 MB of ${what}`, () => {
      const text = piece.repeat(Math.floor((1024 * 1024) / piece.length));
      expect(parsed(`${text}\nWebexPresence.LogLevel=warn`).settings.logLevel).to.equal("warn");
    });
  }

  it("always finds our keys among any other lines, in every accepted spelling", () => {
    const foreign = fc
      .string({ unit: fc.oneof(fc.constantFrom(...Array.from("[].=;#\"'\\ aW")), fc.string()) })
      .map((line) => line.replace(/[\r\n]/g, ""))
      .filter((line) => !/webexpresence/i.test(line));
    const spelling = fc.constantFrom(
      "WebexPresence.LogLevel=warn",
      "  webexpresence.loglevel = 'warn' ; comment",
      '[WebexPresence]\nLogLevel="WARN"',
      " [ webexpresence ] # comment\n\tLOGLEVEL=warn#comment",
      '["WebexPresence"]\nLogLevel=warn',
    );
    const lines = fc.array(foreign, { maxLength: 8 });
    fc.assert(
      fc.property(lines, spelling, lines, (before, ours, after) => {
        // A foreign header ends our section, so that what follows it is not ours.
        const text = [...before, ours, "[Sip]", ...after].join("\r\n");
        expect(settings(text).logLevel).to.equal("warn");
      }),
    );
  });

  it("returns settings for any text", () => {
    const piece = fc.constantFrom(
      "WebexPresence",
      ".",
      "Enable",
      "Proxy",
      "ApiUrl",
      "=",
      "1",
      "[",
      "]",
      "\n",
      "\r",
      '"',
      "\\",
      ";",
      "http://",
      "@",
      ":",
      "%",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect(settings(pieces.join(""))).to.have.all.keys(Object.keys(defaultSettings));
      }),
    );
  });
});
