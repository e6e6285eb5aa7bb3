import { expect } from "chai";

import { metricsTableMarkdown } from "../../../src/dashboard/metrics.js";
import type { Problem } from "../../../src/supervisor/status.js";
import { DashboardFixture, organizationStatus } from "../../support/dashboard-fixture.js";

describe("dashboard: metrics", () => {
  let fixture: DashboardFixture;

  beforeEach(async () => {
    fixture = new DashboardFixture();
    await fixture.open();
  });

  const metrics = (accept?: string) =>
    fixture.request(
      "/metrics",
      { headers: { authorization: `Bearer ${fixture.key}`, ...(accept && { accept }) } },
      null,
    );

  it("writes OpenMetrics, and Prometheus's text for who accepts nothing else", async () => {
    for (const [accept, format] of [
      [undefined, "openMetrics"],
      ["*/*", "openMetrics"],
      [
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "openMetrics",
      ],
      ["text/plain;version=0.0.4;q=1,*/*;q=0.1", "openMetrics"],
      ["text/plain;version=0.0.4", "prometheus"],
    ] as const)
      expect((await metrics(accept)).headers["content-type"], accept).to.equal(format);
  });

  it("has each figure in its unit, for the worker and for each organization", async () => {
    fixture.report({ "Hugo Hoffmann": "active" });
    fixture.report({ "Hugo Hoffmann": "call" });
    const problem = { code: "rateLimited", severity: "warning" } as Problem;
    const lost = { code: "adminRoleLost", severity: "error" } as Problem;
    fixture.problems = [problem, lost, problem];
    fixture.organizations = [
      organizationStatus("org-1", {
        lastSweep: {
          ...{ startedAt: "2026-01-01T00:00:10.250Z", seconds: 2.5, persons: 29, requests: 3 },
        },
        requests: { perMinuteLimit: 60, lastMinute: 5, total: 12, rateLimited: 2, failed: 1 },
        rateLimitedUntil: "2026-01-01T00:01:00.000Z",
        onDemand: { lastMinute: 9, answeredInTime: 6, late: 3 },
      }),
    ];
    await metrics();
    const samples = fixture.families.flatMap(({ name, samples: ofFamily }) =>
      ofFamily.map(({ labels, value }) => [
        [name.replace("ucx_webex_presence_", ""), ...Object.values(labels)].join(" "),
        value,
      ]),
    );
    const start = Date.parse("2026-01-01T00:00:00.000Z") / 1_000;
    expect(Object.fromEntries(samples)).to.deep.equal({
      "info 1.2.3": 1,
      start_time_seconds: start,
      "phase starting": 0,
      "phase disabled": 0,
      "phase blocked": 0,
      "phase polling": 1,
      "phase stopping": 0,
      phase_since_seconds: start + 5,
      stale_after_seconds: 180,
      "problems rateLimited warning": 2,
      "problems adminRoleLost error": 1,
      status_changes_total: 1,
      process_resident_memory_bytes: 50_000_000,
      process_cpu_seconds_total: 1.5,
      "persons org-1": 30,
      "watched org-1": 7,
      "requests_total org-1": 12,
      "requests_rate_limited_total org-1": 2,
      "requests_failed_total org-1": 1,
      "requests_last_minute org-1": 5,
      "requests_per_minute_limit org-1": 60,
      "rate_limited_until_seconds org-1": start + 60,
      "watched_age_p50_seconds org-1": 4,
      "watched_age_p95_seconds org-1": 9,
      "last_sweep_start_time_seconds org-1": start + 10.25,
      "last_sweep_duration_seconds org-1": 2.5,
      "last_sweep_persons org-1": 29,
      "on_demand_requests_last_minute org-1": 9,
      "on_demand_in_time_last_minute org-1": 6,
      "on_demand_late_last_minute org-1": 3,
    });
    // Organizations by their ids, and no person.
    expect(JSON.stringify(fixture.families)).to.not.match(/Hugo|Hoffmann|@|Organization org-1/);
    for (const { name, help, type } of fixture.families) {
      expect(name).to.match(/^ucx_webex_presence_[a-z0-9_]+$/);
      expect(help).to.match(/^[A-Z0-9].*\.$/);
      expect(type, name).to.equal(name.endsWith("_total") ? "counter" : "gauge");
    }
  });

  it("takes the key in the header as RFC 6750 writes it, in whatever case", async () => {
    const status = async (authorization: string): Promise<number> =>
      (await fixture.request("/metrics", { headers: { authorization } }, null)).status;
    for (const scheme of ["Bearer ", "bearer ", "BEARER  "])
      expect(await status(scheme + fixture.key), scheme).to.equal(200);
    for (const refused of [
      fixture.key,
      `Bearer${fixture.key}`,
      `Bearer x${fixture.key}`,
      "Bearer ",
    ])
      expect(await status(refused), refused).to.equal(401);
  });

  it("has a row for each metric in the documentation", async () => {
    await metrics();
    const rows = metricsTableMarkdown().trimEnd().split("\n").slice(2);
    expect(rows.map((row) => row.split(" | ").slice(0, 2).join(" "))).to.deep.equal(
      fixture.families.map(({ name, type }) => `| \`${name}\` ${type}`),
    );
  });

  it("has no sample for what is not known", async () => {
    const [organization] = fixture.organizations;
    fixture.organizations = [
      {
        ...organization!,
        lastSweep: null,
        ageSeconds: { watchedP50: null, watchedP95: null },
      },
    ];
    await metrics();
    const empty = fixture.families.filter(({ samples }) => samples.length === 0);
    expect(empty.map(({ name }) => name.replace("ucx_webex_presence_", ""))).to.include.members([
      "problems",
      "watched_age_p95_seconds",
      "last_sweep_persons",
      "rate_limited_until_seconds",
    ]);
  });
});
