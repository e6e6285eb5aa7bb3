import { expect } from "chai";

import { authorizationLines } from "../../../src/cli/authorization-text.js";
import { clockOffset } from "../../../src/cli/doctor-reach.js";
import { failed, ok, skipped } from "../../../src/cli/doctor-finding.js";
import { findingLines, summaryText } from "../../../src/cli/doctor-text.js";
import { countPeople } from "../../../src/cli/doctor-headcount.js";
import { findPageUrl } from "../../../src/cli/held-port.js";
import { fieldLines, wrapWords } from "../../../src/cli/paragraph.js";
import { needsAttention, statusLines } from "../../../src/cli/status-text.js";
import { formatDateTime, formatCountdown, formatDuration } from "../../../src/cli/time-text.js";
import { paintFor } from "../../../src/cli/terminal-style.js";
import type { PersonSnapshot } from "../../../src/presence/person.js";
import type { OrganizationStatus, WorkerStatus } from "../../../src/supervisor/status.js";
import { listed } from "../../support/listed-persons.js";

const plain = paintFor(false);
const WIDE = Number.POSITIVE_INFINITY;

describe("cli: texts", () => {
  it("a paragraph breaks between words, and keeps an address whole", () => {
    expect(wrapWords("see https://example.com/a-very-long-address here", 12, 2)).to.deep.equal([
      "see",
      "  https://example.com/a-very-long-address",
      "  here",
    ]);
    expect(wrapWords("as it is", WIDE, 2)).to.deep.equal(["as it is"]);
    expect(wrapWords("", 10, 0)).to.deep.equal([""]);
  });

  it("facts stand in two columns, and go on under themselves", () => {
    expect(
      fieldLines(
        [
          ["A", "one two three"],
          ["Longer", "x"],
        ],
        18,
        2,
      ),
    ).to.deep.equal(["  A       one two", "          three", "  Longer  x"]);
  });

  it("times read as people tell them", () => {
    expect(formatDateTime(null)).to.equal("–");
    expect(formatDateTime("not a time")).to.equal("–");
    expect(formatDateTime(new Date(2026, 10, 5, 7, 3).toISOString())).to.equal("2026-11-05 07:03");
    expect([0, 59_001, 598_000, -5].map(formatCountdown)).to.deep.equal([
      "0:00",
      "1:00",
      "9:58",
      "0:00",
    ]);
    expect([0, 119_000, 120_000, 7_200_000, 172_800_000].map(formatDuration)).to.deep.equal([
      "0 s",
      "119 s",
      "2 min",
      "2 h",
      "2 days",
    ]);
  });

  it("an authorization has its state in words, and what a terminal would obey is taken out of its names", () => {
    const lines = authorizationLines(
      {
        orgId: "Y2lz",
        orgName: "Example\u001b[31m Ltd",
        authorizedBy: null,
        scopes: ["spark-admin:people_read"],
        grantedAt: "2026-11-22T10:00:00Z",
        accessTokenExpiresAt: null,
        refreshTokenExpiresAt: null,
        state: "required",
      },
      plain,
      WIDE,
    );
    expect(lines[0]).to.match(/^Example \[31m Ltd {2}authorize again$/);
    expect(lines.join("\n"))
      .to.include("Organization   Y2lz")
      .and.to.include("an administrator")
      .and.to.not.include("\u001b");
  });

  it("a doctor's finding is one line with its remedy; on a terminal the remedy stands by itself", () => {
    expect(findingLines("DNS", failed("No name.", "Mend it."), plain, WIDE)).to.deep.equal([
      "FAIL  DNS                No name. → Mend it.",
    ]);
    expect(findingLines("DNS", failed("No name.", "Mend it."), plain, 80)).to.deep.equal([
      "FAIL  DNS                No name.",
      "                         → Mend it.",
    ]);
    expect(findingLines("DNS", ok("fine"), plain, 80)).to.deep.equal([
      "ok    DNS                fine",
    ]);
    expect(findingLines("DNS", skipped("not checked"), plain, WIDE)).to.deep.equal([
      "–     DNS                not checked",
    ]);
  });

  it("the verdict counts failures and warnings", () => {
    expect(summaryText(0, 0, plain)).to.equal("All is well.");
    expect(summaryText(0, 1, plain)).to.equal("Nothing failed, 1 warning.");
    expect(summaryText(1, 0, plain)).to.equal("1 check failed.");
    expect(summaryText(2, 3, plain)).to.equal("2 checks failed, 3 warnings.");
  });
});

describe("cli: the doctor's figures", () => {
  const offset = (date: string | undefined, sentAt: number, readAt: number) =>
    clockOffset({ kind: "answer", headers: date === undefined ? {} : { date }, sentAt, readAt });
  const serverTime = Date.parse("Sun, 22 Nov 2026 10:00:00 GMT");

  it("a clock is off by no less than the Date header proves", () => {
    const date = "Sun, 22 Nov 2026 10:00:00 GMT";
    expect(offset(date, serverTime + 100, serverTime + 900)).to.equal(0);
    expect(offset(date, serverTime + 61_000, serverTime + 61_500)).to.equal(60_000);
    expect(offset(date, serverTime - 61_000, serverTime - 60_000)).to.equal(-60_000);
    expect(offset(undefined, 0, 0)).to.equal(null);
    expect(offset("soon", 0, 0)).to.equal(null);
  });

  it("people are counted once, over all pages, up to a limit", async () => {
    const person = (id: number) => ({ id: String(id) }) as PersonSnapshot;
    const pages = (last: number) => ({
      listPage: (page: { kind: string; url?: string }) => {
        const number = page.kind === "first" ? 0 : Number(page.url);
        return Promise.resolve({
          items: listed([person(number), person(number + 1)], 1),
          next: number === last ? null : String(number + 1),
        });
      },
    });
    const { signal } = new AbortController();
    expect(await countPeople(pages(3), signal)).to.deep.equal({ persons: 5, complete: true });
    expect(await countPeople(pages(-1), signal)).to.deep.equal({ persons: 21, complete: false });
  });

  it("the running worker's page is the last one that its log names for the port", () => {
    const log =
      '{"url":"http://localhost:8467/?key=old"}\n{"url":"http://localhost:8467/?key=new-_1"}\n"http://localhost:9999/?key=x"';
    expect(findPageUrl(log, 8467)).to.equal("http://localhost:8467/?key=new-_1");
    expect(findPageUrl(log, 1)).to.equal(null);
  });
});

describe("cli: a worker's status", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  const organization: OrganizationStatus = {
    orgId: "Y2lz",
    orgName: "Example Ltd",
    persons: 30,
    watched: 4,
    mode: "sweep",
    lastSweep: { startedAt: "2026-11-22T09:59:50Z", seconds: 2, persons: 30, requests: 1 },
    sweepProgress: null,
    requests: { perMinuteLimit: 60, lastMinute: 6, total: 100, rateLimited: 0, failed: 0 },
    rateLimitedUntil: null,
    nextRequestAt: null,
    ageSeconds: { watchedP50: 3.4, watchedP95: 9.8 },
  };
  const status = (changes: Partial<WorkerStatus> = {}): WorkerStatus => ({
    phase: "polling",
    enabled: true,
    since: "2026-11-22T09:00:00Z",
    version: "1.0.0",
    startedAt: "2026-11-22T09:00:00Z",
    pid: 42,
    secretStore: "keychain",
    settings: { path: "/Presence.ini", loadedAt: null, values: {} },
    problems: [],
    organizations: [organization],
    ...changes,
  });
  const problem = (severity: "error" | "warning") =>
    ({
      code: "rateLimited",
      severity,
      message: "It waits.",
      hint: "Wait.",
      since: "",
      orgId: null,
    }) as const;
  const lines = (workerStatus: WorkerStatus) =>
    statusLines(workerStatus, 3_000, { paint: plain, width: WIDE, now });

  it("is a table whose headings stand over their columns", () => {
    const rendered = lines(status());
    const heading = rendered.find((line) => line.startsWith("ORGANIZATION")) ?? "";
    const row = rendered.find((line) => line.startsWith("Example Ltd")) ?? "";
    expect(row).to.match(/Example Ltd +30 +4 +sweep +8 s ago, took 2\.0 s +3\/10 s +6 of 60/);
    expect(row.indexOf("sweep")).to.equal(heading.indexOf("MODE"));
    expect(row.indexOf("30") + 2).to.equal(heading.indexOf("PEOPLE") + 6);
    expect(rendered.at(-1)).to.equal("No problems.");
    expect(rendered.join("\n"))
      .to.match(/Process +42, version 1\.0\.0/)
      .and.to.match(/Written +3 s ago/);
  });

  it("names sweeps under way, ages not known, and no organization at all", () => {
    const sweeping = {
      ...organization,
      lastSweep: null,
      sweepProgress: { persons: 7, pages: 1 },
      ageSeconds: { watchedP50: null, watchedP95: null },
    };
    expect(lines(status({ organizations: [sweeping] })).join("\n"))
      .to.include("under way, 7 so far")
      .and.to.include("–");
    expect(
      lines(status({ organizations: [{ ...sweeping, sweepProgress: null }] })).join("\n"),
    ).to.include("none yet");
    expect(lines(status({ organizations: [] }))).to.include("No organization is authorized.");
  });

  it("tells problems with what to do", () => {
    expect(lines(status({ problems: [problem("warning")] })).slice(-3)).to.deep.equal([
      "PROBLEMS",
      "warning rateLimited: It waits.",
      "  → Wait.",
    ]);
  });

  it("is wrong while blocked, or with an error while polling; switched off, it is as it should be", () => {
    expect(needsAttention(status())).to.equal(false);
    expect(needsAttention(status({ problems: [problem("warning")] }))).to.equal(false);
    expect(needsAttention(status({ problems: [problem("error")] }))).to.equal(true);
    expect(needsAttention(status({ phase: "blocked" }))).to.equal(true);
    expect(needsAttention(status({ phase: "disabled", problems: [problem("error")] }))).to.equal(
      false,
    );
  });
});
