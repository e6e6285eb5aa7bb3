import { expect } from "chai";

import { readIniLine } from "../../../src/platform/ini-line.js";
import { defaultSettings, type Settings } from "../../../src/settings/keys.js";
import { parseSettings } from "../../../src/settings/parse.js";

const problemsOf = (text: string) => parseSettings(text, readIniLine, defaultSettings).problems;

/** The line is reported, and `likely` is suggested; null: without a suggestion. */
function reports(text: string, likely: string | null, line = text.split("\n").length): void {
  it(`reports ${JSON.stringify(text)}`, () => {
    const { settings, problems } = parseSettings(text, readIniLine, defaultSettings);
    expect(problems.map(({ code, key }) => [code, key])).to.deep.equal([["settingsUnknown", null]]);
    const { message, hint } = problems[0]!;
    expect(message)
      .to.match(new RegExp(`line ${line}\\b`, "i"))
      .and.contain("no effect on presence");
    if (likely === null) expect(message + hint).not.to.contain("probably");
    else expect(message).to.contain(`It probably means WebexPresence.${likely}.`);
    if (likely !== null) expect(hint).to.contain(`Write WebexPresence.${likely}=`);
    expect(settings).to.deep.equal(defaultSettings);
  });
}

describe("Lines of the settings that resemble ours", () => {
  describe("by their key", () => {
    reports("WebexPresence.PollIntervallSeconds=30", "PollIntervalSeconds");
    reports("WebexPresence.PollInterval=30", "PollIntervalSeconds");
    reports("WebexPresence.Enabled=1", "Enable");
    reports("WebexPresence.Enable : 1", "Enable");
    reports("WebexPresence.Enable:1", "Enable");
    reports("WebexPresence.Enable 1", "Enable");
    reports("WebexPresence.ApiUrl: https://webexapis.com/v1?a=b", "ApiUrl");
    reports("WebexPresence.Enable+=1", "Enable");
    reports("WebexPresence.Log=debug", "LogLevel");
    reports("WebexPresence.Port=8467", "RedirectPort");
    reports("WebexPresence.Colour=red", null);
    reports("WebexPresence.=1", null);
    reports("WebexPresence=1", null);
    reports("[Sip]\nWebexPresence.Enabled=1", "Enable");
  });

  describe("by their prefix", () => {
    reports("WebExPresence.Enabled=1", "Enable");
    reports("WebexPresense.Enable=1", "Enable");
    reports("WebexPresense.Colour=1", null);
    reports("WebxPresence.Enable=1", "Enable");
    reports("WebexPrescence.LogLevel=debug", "LogLevel");
    reports("WebexPrecense.Proxy=none", "Proxy");
    reports("WebxePresence.Enable=1", "Enable");
    reports("WebexPresences.Enable=1", "Enable");
    reports("Webex-Presence.Enable=1", "Enable");
    reports("Webex_Presence.Enable=1", "Enable");
    reports("Webex Presence.Enable=1", "Enable");
    reports("Webex.Presence.Enable=1", "Enable");
    reports("WebexPresence .Enable=1", "Enable");
    reports("WebexPresence. Enable=1", "Enable");
    reports("WebexPresence\u200b.Enable=1", "Enable");
    reports("WebexPr\u0435sence.Enable=1", "Enable"); // Cyrillic
    reports("WebexPresence_Enable=1", "Enable");
    reports("WebexPresence-Enable=1", "Enable");
    reports("WebexPresence:Enable=1", "Enable");
    reports("WebexPresence Enable=1", "Enable");
    reports("WebexPresenceEnable=1", "Enable");
    reports("WebexPresense_Enable=1", "Enable");
    reports("UCX.WebexPresence.Enable=1", "Enable");
    reports("set WebexPresence.Enable=1", "Enable");
    reports("- WebexPresence.Enable=1", "Enable");
    reports("//WebexPresence.Enable=1", "Enable");
    reports('"WebexPresence.Enable=1"', "Enable");
  });

  describe("in our own section", () => {
    reports("[WebexPresence]\nEnabled=1", "Enable");
    reports("[WebexPresence]\nEnable : 1", "Enable");
    reports("[WebexPresence]\nEnable 1", "Enable");
    reports("[WebexPresence]\nPoll-Interval-Seconds=30", "PollIntervalSeconds");
    reports("[WebexPresence]\nLog.Level=debug", "LogLevel");
    reports("[WebexPresence]\nColour=red", null);
    reports("[WebexPresence] ; main\nconstructor=1", null);
  });

  describe("by their header", () => {
    for (const header of [
      "[WebexPresence",
      "[WebexPresence ; main",
      "WebexPresence]",
      "[Webex Presence]",
      "[Webex-Presence]",
      "[Webex_Presence] ; main",
      "[Webex.Presence]",
      "[WebexPresense]",
      "\t[ WebxPresence ]",
      "[WebexPresence.More]",
      "[WebexPresence Settings]",
      "[UCX.WebexPresence]",
      "[[WebexPresence]]",
      "[WebexPresence]=1",
      "[WebexPresence].Enable=1",
    ])
      reports(`${header}\nEnable=1\nPollIntervalSeconds=30`, null, 1);
    reports("[WebexPresence] main", null);
    reports("[WebexPresence]Enabel=1", null);
    reports("(WebexPresence)", null);
    reports("WebexPresence:", null);
  });

  describe("behind other text", () => {
    reports("Sip.Port=5060WebexPresence.Enable=1", null);
    reports("Sip.Port=5060 WebexPresence.Enable=1", null);
    reports("[Sip] WebexPresence.Enable=1", null);
    it("reports a line that is joined to one of ours", () => {
      const text = "WebexPresence.ClientId=C1WebexPresence.Enable=1";
      expect(problemsOf(text).map(({ code, line }) => [code, line])).to.deep.equal([
        ["settingsUnknown", 1],
        ["settingsInvalid", 1],
      ]);
    });
    it("reports joined lines of our section, also if the key occurs again", () => {
      const text = "[WebexPresence]\nEnable=1PollIntervalSeconds=60\nEnable=1";
      expect(problemsOf(text).map(({ code, line }) => [code, line])).to.deep.equal([
        ["settingsUnknown", 2],
      ]);
    });
    reports('<add key="WebexPresence.Enable" value="1"/>', null);
    reports('[Sip]\n<add key="WebexPresence.Enable" value="1"/>', null);
  });

  describe("whose section is joined to another line", () => {
    const joinedSection = (text: string, values: Partial<Settings>, line = 2) => {
      it(JSON.stringify(text), () => {
        const { settings, problems } = parseSettings(text, readIniLine, defaultSettings);
        expect(settings).to.deep.equal({ ...defaultSettings, ...values });
        expect(problems.map(({ code, message }) => [code, message])).to.deep.equal([
          [
            "settingsUnknown",
            `A section header follows other text in line ${line} of the settings file, so the keys below it have no effect on presence.`,
          ],
        ]);
      });
    };
    const foreign = "\r\nEnable=0\r\nPollIntervalSeconds=60\r\nLogLevel=debug";
    joinedSection(`[WebexPresence]\r\nEnable=1[MSTeams]${foreign}`, { enable: true });
    joinedSection(`[WebexPresence]\nEnable=1 [ MSTeams ] ; main${foreign}`, { enable: true });
    joinedSection(`[WebexPresence]\nEnable="1"[MSTeams]${foreign}`, { enable: true });
    joinedSection(`[WebexPresence]\nEnable=1 ; on[MSTeams]${foreign}`, { enable: true });
    joinedSection(`WebexPresence.Enable=1[MSTeams]${foreign}`, { enable: true }, 1);
    joinedSection(`[WebexPresence]\nEnable=1\n; end[MSTeams]${foreign}`, { enable: true }, 3);
    joinedSection(`[WebexPresence]\nEnable=1\n- [MSTeams]${foreign}`, { enable: true }, 3);
    joinedSection(`[WebexPresence]\nRequestsPerMinute=9[Sip]\nRequestsPerMinute=5`, {
      requestsPerMinute: 9,
    });
    joinedSection(`[WebexPresence]\nProxy=http://[::1]:3128[Sip]${foreign}`, {
      proxy: "http://[::1]:3128",
    });
    joinedSection(`[WebexPresence]\nClientId=C1[Sip]${foreign}`, { clientId: "C1" });
    joinedSection(`[WebexPresence]\nCaFile=C:\\a[1].pem[Sip]${foreign}`, {
      caFile: "C:\\a[1].pem",
    });
    joinedSection(`[WebexPresence]\nSip.Port=5060[Sip]${foreign}`, {});
    joinedSection(`[WebexPresence][MSTeams]${foreign}`, {}, 1);
    joinedSection(`[WebexPresence] ; main[MSTeams]${foreign}`, {}, 1);
    for (const header of ["[WebexPresence]", "[webexpresence]", "[ Webex-Presence ] ; main"])
      joinedSection(`[Sip]\nPort=5060${header}${foreign}`, {});
    joinedSection(`[Sip]\nPort=5060 [webexpresence]${foreign}`, {});
    joinedSection(`[Sip]\n; end of file[WebexPresence]${foreign}`, {});
    joinedSection(`[Sip][WebexPresence]${foreign}`, {}, 1);
    joinedSection(`[Sip]\nlist[WebexPresence]${foreign}`, {});

    it("but not a comment about a section, nor a value in brackets", () => {
      for (const line of [
        "; see [MSTeams]",
        ";[MSTeams]",
        "Proxy=http://[::1]:3128 ; as in [MSTeams]",
        "CaFile=C:\\certs\\ca[a]",
      ]) {
        const text = `[WebexPresence]\n${line}\nEnable=1`;
        const { settings, problems } = parseSettings(text, readIniLine, defaultSettings);
        expect(problems, line).to.be.empty;
        expect(settings.enable, line).to.be.true;
      }
      expect(problemsOf("[Sip]\nPlugins=a,[WebexPresence]\nPort=5060")).to.be.empty;
      expect(problemsOf("[Sip]\n;[WebexPresence]\nEnable=1")).to.be.empty;
      expect(problemsOf("[WebexPresence]\nEnable=1[WebexPresence]\nEnable=1")).to.be.empty;
    });
  });

  describe("by a longer name around our prefix", () => {
    for (const header of [
      ...["[WebexPresenceSettings]", "[WebexPresencePlugin]", "[WebexPresenceWorker]"],
      ...["[CiscoWebexPresence]", "[PresenceWebex]", "[Presence.Webex]", "[Logging.WebexPresence]"],
    ]) {
      reports(`${header}\nFormat=x\nEnable=1`, null, 1);
      it(`but not ${header} without a key of ours`, () => {
        expect(problemsOf(`${header}\nLevel=debug\nFile=x\n[Sip]\nEnable=1`)).to.be.empty;
      });
    }
    reports("PresenceWebex.Enable=1", "Enable");
    reports("CiscoWebexPresence.Enable=1", "Enable");
    reports("[Sip]\nCiscoWebexPresence.Enable=1", "Enable");
    reports("[Sip]\nWebexPresence\nEnable=1", null, 2);
    reports("[Sip]\n(WebexPresence)\nEnable=1", null, 2);
    reports("[Sip]\nWebexPresence.Enabled=1", "Enable");
    reports("[Sip]\nWebexPresence_Enable=1", "Enable");
    it("but not by a key of another technology's section", () => {
      for (const text of [
        "[RichPresence]\nEnable=1\nWebexPresence=2",
        "[Log]\nWebexPresence=debug",
        "[Technologies]\nWebexPresence.dll=1\nWebexPresence.log=2",
        "[Providers]\nTeamsPresence=1\nWebexPresence=1\nWebex Presence=1",
        "[Plugins]\nTeamsPresence\nWebexPresence",
        "[Logging]\nUCX.WebexPresence=debug",
      ])
        expect(problemsOf(text), text).to.be.empty;
    });
  });

  it("names an invisible character", () => {
    for (const text of ["WebexPr\u200besence.Enable=1", "[Webex\u00adPresence]\nEnable=1"])
      expect(problemsOf(text)[0]?.message).to.match(/an invisible character \(U\+(200B|00AD)\)/);
    expect(problemsOf("\u200bWebexPresence.Enable=1\n[Sip]\n\u200b[WebexPresence]")).to.be.empty;
  });

  it("says that a header in other brackets does not end our section", () => {
    for (const header of [
      "{MSTeams}",
      "(MSTeams)",
      "\uff3bMSTeams\uff3d",
      "<MSTeams>",
      '"[MSTeams]"',
    ])
      expect(
        problemsOf(`[WebexPresence]\n${header}\nEnable=1`).map(({ message }) => message),
      ).to.deep.equal([
        "Line 2 of the settings file is not a section header, so the keys below it still belong to [WebexPresence].",
      ]);
  });

  it("says that = is missing, and where secrets are stored", () => {
    for (const text of [
      "WebexPresence.Enable : 1",
      "WebexPresence.Enable 1",
      "[WebexPresence]\nEnable:1",
    ])
      expect(problemsOf(text)[0]?.message).to.contain(
        "It probably means WebexPresence.Enable. The = between name and value is missing.",
      );
    for (const name of ["ProxyPassword", "ClientSecret"])
      for (const text of [
        `WebexPresence.${name}=x`,
        `[WebexPresence]\n${name}: x`,
        `[Sip]\nWebexPresence.${name}=x`,
      ])
        expect(problemsOf(text)[0]?.hint, text).to.match(
          name === "ProxyPassword"
            ? /ucx-webex-presence secret proxy$/
            : /ucx-webex-presence secret client$/,
        );
  });

  const foreign = [
    ...["MSTeamsPresence", "TeamsPresence", "RichPresence", "SkypePresence", "LyncPresence"],
    ...["CiscoPresence", "JabberPresence", "SipPresence", "XmppPresence", "WebPresence"],
    ...["Presence", "UserPresence", "IndexPresence", "CalendarPresence", "ExchangePresence"],
    ...["Webex", "WebexCalling", "WebexMeetings", "WebexTeams", "WebexMessaging", "WebexPhones"],
    ...["CiscoWebex", "MyWebexPresenter", "WebexPresenter2Go", "Sip", "__proto__", "constructor"],
    ...["CUCM", "BroadWorks", "Zoom", "GoogleMeet", "Проверка", "プレゼンス"],
  ];
  for (const name of foreign) {
    it(`does not report ${name}`, () => {
      const lines = ["Enable=1", "Enabled=1", "PollIntervalSeconds=1", "LogLevel=x", "Enable : 1"];
      for (const line of lines) {
        expect(problemsOf(`${name}.${line}\n[${name}]\n${line}\n[${name}\n${line}`), line).to.be
          .empty;
        expect(problemsOf(`[WebexPresence]\nEnable=1\n${name}.${line}`), line).to.be.empty;
      }
    });
  }

  it("does not report comments, keys of no section, and values that name us", () => {
    for (const text of [
      "; WebexPresence.Enabled=1",
      "  # [Webex-Presence]",
      "Sip.Port=1 ; WebexPresence.Enabled=1",
      "[Sip] # [WebexPresense]",
      "Enable=1\nPollIntervalSeconds=5",
      "Plugin=WebexPresence",
      "Plugin.Path=C:\\Apps\\WebexPresence.dll",
      "",
    ])
      expect(problemsOf(text), text).to.be.empty;
  });

  it("never repeats a value, which may be a secret", () => {
    const lines = [
      "WebexPresence.ClientSecret=hunter2",
      "WebexPresence.ClientSecret hunter2",
      "WebexPresence.ClientSecret: hunter2",
      "WebexPresence.Proxy : http://me:hunter2@proxy:3128/?a=b",
      "WebexPresense_Proxy hunter2",
      "[WebexPresence] Password=hunter2",
      "[Webex Presence hunter2]",
      "Sip.Password=hunter2WebexPresence.Enable=1",
    ];
    const problems = problemsOf(lines.join("\n"));
    expect(problems).to.have.length(lines.length);
    expect(JSON.stringify(problems)).not.to.contain("hunter2");
  });

  it("lists 20 lines and counts the others", () => {
    const problems = problemsOf("WebexPresence.Enabled=1\n".repeat(1000));
    expect(problems).to.have.length(21);
    expect(problems.map(({ line }) => line).slice(0, 20)).to.deep.equal(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    expect(problems[20]?.message).to.equal(
      "980 more lines of the settings file resemble settings of this worker, but have no effect on presence.",
    );
  });

  it("words each problem for an administrator", () => {
    const text =
      "\n[Webex Presence]\n\nWebexPresence.PollIntervallSeconds=30\nSip=WebexPresence.A=1";
    expect(problemsOf(text).map(({ message, hint }) => [message, hint])).to.deep.equal([
      [
        "The section header in line 2 of the settings file is not [WebexPresence], though it resembles it: the keys of that section have no effect on presence.",
        "Write [WebexPresence] in a line of its own, or remove the section.",
      ],
      [
        "WebexPresence.PollIntervallSeconds (line 4) is not a setting of this worker and has no effect on presence. It probably means WebexPresence.PollIntervalSeconds.",
        "Write WebexPresence.PollIntervalSeconds=<value> in a line of its own, or remove the line.",
      ],
      [
        "A name with the prefix WebexPresence follows other text in line 5 of the settings file, so it has no effect on presence.",
        "Begin a new line with that name.",
      ],
    ]);
  });
});
