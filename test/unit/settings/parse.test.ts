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
      "Sip.Enable=1\nEnable=1\n[Sip]\nEnable=1\nWebexPresenceX.Enable=1",
      "; WebexPresence.Enable=1",
    ]) {
      expect(parsed(text)).to.deep.include({
        settings: defaultSettings,
        problems: [],
        unknownKeys: [],
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
      },
      problems: [],
      unknownKeys: [],
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
    };
    for (const [place, text] of Object.entries(on))
      it(place, () => expect(settings(text).enable).to.be.true);

    const off: Record<string, string> = {
      "a plain name at the top": "Enable=1",
      "a plain name in another's section": "[Sip]\nEnable=1",
      "a section within ours": "[WebexPresence.More]\nEnable=1",
      "a section that ends ours, by whatever name": "[WebexPresence]\n[__proto__]\nEnable=1",
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
      expect(problems.map(({ line, value }) => ({ line, value }))).to.deep.equal([
        { line: 2, value: "4" },
      ]);
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
        key: "WebexPresence.PollIntervalSeconds",
        value: "4",
        line: 2,
        message:
          "WebexPresence.PollIntervalSeconds=4 (line 2) is not a whole number from 5 to 3600; it stays 30.",
        hint: "Write a whole number from 5 to 3600, in digits.",
      },
      {
        key: "WebexPresence.LogLevel",
        value: "loud",
        line: 5,
        message:
          "WebexPresence.LogLevel=loud (line 5) is not one of error, warn, info, debug; it stays info.",
        hint: "Write one of error, warn, info, debug.",
      },
      {
        key: "WebexPresence.Enable",
        value: "",
        line: 6,
        message: "WebexPresence.Enable= (line 6) is neither 0 nor 1; it stays 1.",
        hint: "Write 0 or 1.",
      },
    ]);
  });

  it("truncates a long value and replaces control characters", () => {
    const problem = problemOf(`WebexPresence.LogLevel=${"x".repeat(500)}`);
    expect(problem.value).to.have.length(100);
    expect(problem.message).to.contain(problem.value).and.to.have.length.below(250);
    expect(problemOf('WebexPresence.LogLevel="a\\u0007b"').value).to.equal("a?b");
  });

  it("lists unknown names with our prefix", () => {
    const {
      settings: after,
      problems,
      unknownKeys,
    } = parsed("WebexPresence.Enabled=1\n[WebexPresence]\nColour=red\nEnable=1");
    expect(after.enable).to.be.true;
    expect(problems).to.deep.equal([]);
    expect(unknownKeys).to.deep.equal([
      { name: "WebexPresence.Enabled", line: 1 },
      { name: "WebexPresence.Colour", line: 3 },
    ]);
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
