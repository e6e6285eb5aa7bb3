import { expect } from "chai";

import { needsAttention, statusLines } from "../../../src/cli/status.js";
import type { StatusOfAnyVersion } from "../../../src/cli/worker-files.js";
import { paintFor } from "../../../src/cli/terminal/text.js";
import type { ProblemCode } from "../../../src/faults/problem-catalog.js";
import { ORGANIZATION_STATUS, statusFixture } from "../../support/status-fixture.js";

describe("cli/status", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  const organization = ORGANIZATION_STATUS;
  const status = statusFixture;
  const problem = (severity: "error" | "warning") =>
    ({
      code: "rateLimited",
      severity,
      message: "It waits.",
      hint: "Wait.",
      since: "",
      orgId: null,
    }) as const;
  const LOG = "/var/log/ucx/worker.log";
  const lines = (workerStatus: StatusOfAnyVersion, width = Number.POSITIVE_INFINITY) =>
    statusLines({
      ...{ status: workerStatus, log: LOG, ageMs: 3_000, now },
      format: { paint: paintFor(false), width },
    });

  it("shows a table with headings aligned to their columns", () => {
    const rendered = lines(status());
    const heading = rendered.find((line) => line.startsWith("ORGANIZATION")) ?? "";
    const row = rendered.find((line) => line.startsWith("Example Ltd")) ?? "";
    expect(row).to.match(
      /Example Ltd +30 +4 +sweep +8 s ago, took 2\.0 s +3\/10 s +6 of 60 +5, 1 late$/,
    );
    expect(row.indexOf("sweep")).to.equal(heading.indexOf("MODE"));
    expect(row.indexOf("30") + 2).to.equal(heading.indexOf("PEOPLE") + 6);
    expect(rendered.at(-1)).to.equal("No problems.");
    expect(rendered.join("\n"))
      .to.match(/Process +42, version 1\.0\.0/)
      .and.to.match(/Updated +3 s ago/);
  });

  it("shows a dash for a time that cannot be read", () => {
    const lastSweep = { startedAt: "soon", seconds: 2, persons: 30, requests: 1 };
    const rendered = lines(
      status({ since: "x", startedAt: "y", organizations: [{ ...organization, lastSweep }] }),
    ).join("\n");
    expect(rendered).to.match(/polling, for –/);
    expect(rendered).to.not.include("NaN");
  });

  it("shows each organization as a list if the table is wider than the terminal", () => {
    const narrow = lines(status({ organizations: [organization, organization] }), 59);
    const list = [
      "Example Ltd",
      "  People         30",
      "  Watched        4",
      "  Mode           sweep",
      "  Last sweep     8 s ago, took 2.0 s",
      "  Age P50/P95    3/10 s",
      "  Requests/min   6 of 60",
      "  On demand/min  5, 1 late",
    ];
    const start = narrow.indexOf("Example Ltd");
    expect(narrow.slice(start, start + 17)).to.deep.equal([...list, "", ...list]);
    expect(narrow.join("\n")).not.to.include("ORGANIZATION");

    const table = lines(status()).filter((line) => /^(ORGANIZATION|Example)/.test(line));
    const width = Math.max(...table.map((line) => line.length));
    expect(lines(status(), width)).to.include.members(table);
    expect(lines(status(), width - 1).join("\n")).not.to.include("ORGANIZATION");
  });

  it("shows the table in a terminal of 100 columns", () => {
    const large = {
      ...{ ...organization, orgName: "Northwind Trading", persons: 21_780, watched: 10_000 },
      requests: { ...organization.requests, perMinuteLimit: 600, lastMinute: 598 },
      onDemand: { lastMinute: 30, answeredInTime: 28, late: 2 },
    };
    expect(lines(status({ organizations: [large] }), 99).join("\n")).to.include("ORGANIZATION");
  });

  for (const width of [79, 59, 39]) {
    it(`writes no line of more than ${width} columns in a terminal of ${width}`, () => {
      const long = { ...organization, orgName: "Northwind Trading and Shipping of the Far North" };
      const settings = {
        path: "C:\\Program Files (x86)\\StonevoiceAS\\Apps\\Presence\\Settings\\Presence.ini",
        loadedAt: "2026-11-22T09:00:00Z",
        values: {},
      };
      const all = lines(status({ settings, organizations: [long] }), width);
      expect(all.filter((line) => line.length > width)).to.deep.equal([]);
    });
  }

  it("names the log and, if a page or code may be open for an authorization, how to find it", () => {
    const authorize = (method: string, problems: readonly ProblemCode[]) =>
      lines(
        status({
          settings: {
            path: "/Presence.ini",
            loadedAt: null,
            values: { "WebexPresence.Authorize": method },
          },
          problems: problems.map((code) => ({ ...problem("error"), code })),
        }),
      ).join("\n");
    expect(authorize("browser", [])).to.include(LOG).and.not.to.include("To authorize");
    expect(authorize("browser", ["authorizationRequired"])).to.include(
      `The address of the authorization page is in ${LOG}: search for "To authorize". The latest one counts.`,
    );
    expect(authorize("device", ["authorizationExpired"])).to.include(
      `The address and the code for the authorization are in ${LOG}: search for "userCode". The latest ones count.`,
    );
    expect(authorize("off", ["authorizationRequired"])).not.to.include("search for");
    expect(
      authorize("browser", ["clientNotConfigured", "authorizationRequired"]),
      "no page without a client",
    ).not.to.include("search for");
  });

  it("shows a sweep in progress, unknown ages, and that there is no organization", () => {
    const sweeping = {
      ...organization,
      lastSweep: null,
      sweepProgress: { persons: 7, pages: 1 },
      ageSeconds: { watchedP50: null, watchedP95: null },
      onDemand: { lastMinute: 2, answeredInTime: 2, late: 0 },
    };
    expect(lines(status({ organizations: [sweeping] })).join("\n"))
      .to.include("in progress, 7 so far")
      .and.to.include("–")
      .and.to.match(/ 2$/m);
    expect(
      lines(status({ organizations: [{ ...sweeping, sweepProgress: null }] })).join("\n"),
    ).to.include("none yet");
    const refetching = { ...organization, sweepProgress: { persons: 7, pages: 1 } };
    expect(
      lines(status({ organizations: [refetching] })).join("\n"),
      "also while Webex is down",
    ).to.match(/ ago, took 2\.0 s; now at 7 /);
    expect(lines(status({ organizations: [] }))).to.include("No organization is authorized.");
  });

  it("shows an older worker, which does not count requests on demand", () => {
    const { onDemand: _onDemand, ...older } = organization;
    const shown = { ...status(), organizations: [older] };
    expect(lines(shown).join("\n")).to.match(/6 of 60 +–$/m);
    expect(lines(shown, 59).join("\n")).to.match(/On demand\/min +–$/m);
  });

  it("shows problems with their hints", () => {
    expect(lines(status({ problems: [problem("warning")] })).slice(-3)).to.deep.equal([
      "PROBLEMS",
      "warning rateLimited: It waits.",
      "  → Wait.",
    ]);
  });

  it("shows the times in problems as local times", () => {
    const until = new Date(2026, 10, 23, 1, 10, 18, 967);
    const message = `It waits until ${until.toISOString()}.`;
    expect(lines(status({ problems: [{ ...problem("warning"), message }] })).at(-2)).to.equal(
      "warning rateLimited: It waits until 2026-11-23 01:10:18.",
    );
  });

  it("needs attention while blocked or if there is an error while polling, not while disabled", () => {
    expect(needsAttention(status())).to.equal(false);
    expect(needsAttention(status({ problems: [problem("warning")] }))).to.equal(false);
    expect(needsAttention(status({ problems: [problem("error")] }))).to.equal(true);
    expect(needsAttention(status({ phase: "blocked" }))).to.equal(true);
    expect(needsAttention(status({ phase: "disabled", problems: [problem("error")] }))).to.equal(
      false,
    );
  });
});
