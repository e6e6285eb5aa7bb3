import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import fc from "fast-check";

import { AuthorizationPage } from "../../../src/authorization/page/authorization-page.js";
import { attemptFromError } from "../../../src/authorization/page/page-model.js";
import { authorizationLines } from "../../../src/cli/authorizations.js";
import { findingLines, ok, warning } from "../../../src/cli/doctor-finding.js";
import { statusLines } from "../../../src/cli/status.js";
import { CommandConsole } from "../../../src/cli/terminal/console.js";
import { changeText, displayNameOf } from "../../../src/cli/terminal/presence-labels.js";
import { renderPresenceTable } from "../../../src/cli/terminal/presence-table.js";
import {
  createPresenceView,
  openScreen,
  type TerminalOutput,
} from "../../../src/cli/terminal/presence-view.js";
import { paintFor } from "../../../src/cli/terminal/text.js";
import { toPrintable, toPrintableJson } from "../../../src/faults/foreign-text.js";
import { readAsset } from "../../../src/platform/node-process.js";
import { readIniLine } from "../../../src/platform/ini-line.js";
import { proxyFault } from "../../../src/platform/proxy-faults.js";
import { defaultSettings } from "../../../src/settings/keys.js";
import { parseSettings } from "../../../src/settings/parse.js";
import { parseErrorResponse, restFault } from "../../../src/webex/error-response.js";
import { authorizationOf } from "../../support/authorization-flow-fixture.js";
import { contentOf, LogFixture } from "../../support/log-fixture.js";
import { presenceRecord, problem } from "../../support/rpc-services-fake.js";

/** What a hostile name or message contains: none of it may act on a terminal, a log or a page. */
const PLANTED: Readonly<Record<string, string>> = {
  "an escape sequence": "\u001b[2J\u001b[31m",
  "an escape sequence with C1 characters": "\u009b2J\u0090q\u009c",
  "a title of the window": "\u001b]0;owned\u0007",
  "line ends": "\r\nFORGED\n\rFORGED\u0085FORGED\u2028FORGED\u2029FORGED",
  "a backspace, a delete and a zero": "\b\b\u007f\0",
  "a bidirectional override": "\u202eexe.txt\u202c\u2066x\u2069\u200f\u061c",
  "zero-width characters": "a\u200bb\u2060c\ufeffd\u00ade",
  "a lone surrogate": "\ud800",
  markup: '<img src=x onerror="alert(1)">',
};
const FORBIDDEN = /(?!\n|\u200c|\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Fails if a text holds anything that acts, or a line of its own. */
function expectPrintable(output: string, what: string): void {
  const found = FORBIDDEN.exec(output);
  const code = found === null ? "nothing" : `U+${found[0].codePointAt(0)!.toString(16)}`;
  expect(code, `${what}: ${JSON.stringify(output)}`).to.equal("nothing");
  for (const line of output.split("\n")) expect(line, what).not.to.match(/^FORGED/);
}

/** How texts of others become texts of the worker, before they reach an output. */
const SOURCES: Readonly<Record<string, (text: string) => string>> = {
  "a name of Webex": (text) => text,
  "an error of Webex": (text) => {
    const body = new TextEncoder().encode(JSON.stringify({ message: text, trackingId: text }));
    const headers = { server: "x", trackingid: text, via: text, location: `https://${text}/` };
    return restFault(parseErrorResponse({ status: 400, headers, body, secrets: [] }, 0)).message;
  },
  "a proxy's page": (text) => {
    const body = new TextEncoder().encode(`<title>${text}</title>`);
    const headers = { via: text, "x-squid-error": text, "proxy-authenticate": text };
    const credentials = { hasUser: false, hasPassword: false, secrets: [] };
    const context = { proxy: "p:1", target: "t", credentials };
    return proxyFault({ status: 407, headers, body }, context).message;
  },
  "a value of Presence.ini": (text) =>
    parseSettings(`WebexPresence.LogLevel=${text}\n[WebexPresense${text}]`, readIniLine, {
      ...defaultSettings,
      proxy: "",
    })
      .problems.map(({ message, hint }) => `${message} ${hint}`)
      .join(" "),
};

const PLAIN = { paint: paintFor(false), width: Number.POSITIVE_INFINITY };
/** Wide, because a wrapped text may go on with any of its words. */
const TERMINAL = { paint: paintFor(false), width: 400 };

function printed(json: boolean, print: (console: CommandConsole) => void): string {
  const [out, err] = [new PassThrough(), new PassThrough()];
  print(new CommandConsole(out, err, json));
  return [out, err].map((stream) => String(stream.read() ?? "")).join("\n");
}

function statusOf(text: string) {
  return {
    phase: "polling" as const,
    enabled: true,
    since: text,
    version: text,
    startedAt: text,
    pid: 1,
    secretStore: "keychain" as const,
    settings: { path: text, loadedAt: text, values: { "WebexPresence.Authorize": "browser" } },
    problems: [{ ...problem("authorizationRequired"), message: text, hint: text }],
    organizations: [
      {
        orgId: text,
        orgName: text,
        persons: 1,
        watched: 1,
        mode: text as "sweep",
        lastSweep: null,
        sweepProgress: null,
        requests: { perMinuteLimit: 60, lastMinute: 6, total: 1, rateLimited: 0, failed: 0 },
        rateLimitedUntil: null,
        nextRequestAt: null,
        ageSeconds: { watchedP50: null, watchedP95: null },
      },
    ],
  };
}

function tableOf(text: string) {
  const record = { ...presenceRecord(text), displayName: text };
  return {
    now: 0,
    title: text,
    summary: text,
    notes: [text],
    problems: [text],
    sweep: null,
    totals: new Map(),
    records: [record, { ...record, displayName: null }],
    repeatedNames: new Set([text]),
    changes: [{ at: 0, from: record, to: record }],
    cursor: 0,
    refreshing: new Set<string>(),
    message: text,
  };
}

/** A terminal or a pipe that keeps what is written to it. */
class Output extends EventEmitter {
  readonly isTTY: boolean;
  readonly columns = 120;
  readonly rows = 40;
  /** No descriptor: leaving the alternate screen fails, which is ignored. */
  readonly fd = -1;
  text = "";

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  hasColors(): boolean {
    return false;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

function view(isTTY: boolean) {
  const output = new Output(isTTY);
  const input = Object.assign(new PassThrough(), { isTTY: false });
  const presenceView = createPresenceView(
    output as unknown as TerminalOutput,
    input as unknown as NodeJS.ReadStream,
    () => undefined,
  );
  return { output, presenceView };
}

/** Where texts of others are shown. */
const SINKS: Readonly<Record<string, (text: string) => string>> = {
  "a command's sentences": (text) =>
    printed(false, (console) => {
      console.text(text);
      console.noticeText(text);
      console.note(text);
      console.error(text, text);
    }),
  "a command's styled lines": (text) =>
    printed(false, (console) => {
      console.notice(text);
      console.lines([text]);
      // eslint-disable-next-line no-control-regex -- a style
    }).replaceAll(/\u001b\[\d+m/g, ""),
  "a command's --json": (text) =>
    printed(true, (console) => {
      console.result({ ok: true, [text]: [text, { text }] });
    }),
  status: (text) =>
    [PLAIN, TERMINAL]
      .flatMap((format) =>
        statusLines({ status: statusOf(text), log: text, ageMs: 1, now: 0, format }),
      )
      .join("\n"),
  authorizations: (text) =>
    authorizationLines(
      authorizationOf(text, { orgId: text, authorizedBy: text, scopes: [text] }),
      PLAIN,
    ).join("\n"),
  doctor: (text) =>
    [
      ...findingLines("grant", ok(text), PLAIN),
      ...findingLines("x", warning("x", { message: text, hint: text }), TERMINAL),
    ].join("\n"),
  "watch in a pipe": (text) => {
    const { output, presenceView } = view(false);
    presenceView.log(text);
    const record = { ...presenceRecord(text), displayName: text };
    presenceView.log(`${displayNameOf(record)} ${changeText({ at: 0, from: record, to: record })}`);
    return output.text;
  },
  "watch on a terminal": (text) =>
    renderPresenceTable(tableOf(text), { columns: 120, rows: 40, hasColors: false }).join("\n"),
};

describe("text of others", () => {
  let page: AuthorizationPage;

  before(async () => {
    page = await AuthorizationPage.load(readAsset, () => "nonce");
  });

  function pageOf(text: string): string {
    const notice = { ...problem("webexError"), message: text, hint: text };
    const model = {
      key: "the-key",
      clientId: text,
      unlikelyApiUrl: null,
      phase: "open" as const,
      endReason: text,
      attempt: attemptFromError("other", text),
      organizations: [authorizationOf(text, { authorizedBy: text, scopes: [text] })],
      notices: [notice],
      retriedOrgIds: new Set<string>(),
      remainingSeconds: 1,
    };
    return page.content(model);
  }

  for (const [what, planted] of Object.entries(PLANTED)) {
    it(`holds ${what}, and does nothing in any output`, () => {
      for (const [source, toText] of Object.entries(SOURCES)) {
        const text = toText(`Ada${planted}Lovelace`);
        for (const [sink, show] of Object.entries(SINKS))
          expectPrintable(show(text), `${source} in ${sink}`);
        const html = pageOf(text);
        expectPrintable(html.replace(/^ +/gm, ""), `${source} on the page`);
        expect(html, source).not.to.contain("<img");
      }
    });
  }

  it("does nothing in the log, on stderr and in the file", async () => {
    const fixture = await LogFixture.create();
    try {
      const log = fixture.open(fixture.folder);
      for (const planted of Object.values(PLANTED)) {
        const text = `Ada${planted}Lovelace`;
        log.warn(text, { name: text, [text]: { list: [text] }, error: new Error(text) });
      }
      await log.close(2_000);
      const file = contentOf(`${fixture.folder}/worker.log`);
      const lines = file.trimEnd().split("\n");
      expect(lines).to.have.length(Object.keys(PLANTED).length);
      expect(fixture.stderrText.trimEnd().split("\n")).to.have.length(lines.length);
      expectPrintable(file, "the file");
      expectPrintable(fixture.stderrText, "stderr");
      const names = lines.map((line) => (JSON.parse(line) as { name: string }).name);
      expect(names).to.deep.equal(Object.values(PLANTED).map((text) => `Ada${text}Lovelace`));
    } finally {
      await fixture.remove();
    }
  });

  it("does nothing on the alternate screen", () => {
    for (const planted of Object.values(PLANTED)) {
      const { output, presenceView } = view(true);
      output.text = "";
      presenceView.render(tableOf(`Ada${planted}Lovelace`));
      // What the screen itself sends: positions, erasing to the end, and synchronized output.
      // eslint-disable-next-line no-control-regex
      const own = /\u001b\[(?:\d+;1H|K|J|\?2026[hl])/g;
      expectPrintable(output.text.replace(own, "\n"), "the screen");
      presenceView.close();
      const other = new Output(true);
      const screen = openScreen(other as unknown as TerminalOutput, () => undefined);
      other.text = "";
      screen.draw([`Ada${planted}Lovelace`]);
      // eslint-disable-next-line no-control-regex -- a style
      expectPrintable(other.text.replace(own, "\n").replaceAll(/\u001b\[\d+m/g, ""), "a line");
      screen.close();
    }
  });

  it("keeps what names consist of, and styles of the command alone", () => {
    for (const name of [
      "Björn",
      "山田太郎",
      "👩‍💻",
      "نام‌خانوادگی",
      "🏴\u{e0067}\u{e0062}\u{e007f}",
      "a\u0301",
    ])
      expect(toPrintable(name)).to.equal(name);
    const styled = paintFor(true)("valid", "green");
    expect(printed(false, (console) => console.line(styled))).to.equal(`${styled}\n\n`);
  });

  it("is JSON with the same content", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) })),
        fc.constantFrom(0, 2),
        (value, indent) => {
          const json = toPrintableJson(value, indent);
          expect(FORBIDDEN.test(json)).to.equal(false);
          expect(JSON.stringify(JSON.parse(json))).to.equal(JSON.stringify(value));
        },
      ),
      { numRuns: 100 },
    );
    for (const planted of Object.values(PLANTED))
      expect(JSON.parse(toPrintableJson(planted))).to.equal(planted);
  });
});
