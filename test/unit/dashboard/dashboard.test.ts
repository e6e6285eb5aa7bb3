import { expect } from "chai";

import { metricsTableMarkdown } from "../../../src/dashboard/metrics.js";
import { Fault } from "../../../src/faults/fault.js";
import type { LoopbackRequest } from "../../../src/ports/loopback-server.js";
import { settle } from "../../support/clock-fake.js";
import { browserFlow, DASHBOARD_PORT, DashboardFixture } from "../../support/dashboard-fixture.js";

const ORIGIN = { origin: `http://localhost:${DASHBOARD_PORT}` };
const SAME_SITE = { "sec-fetch-site": "same-origin" };

describe("dashboard", () => {
  let fixture: DashboardFixture;

  beforeEach(() => {
    fixture = new DashboardFixture();
  });

  const isOpen = (port = DASHBOARD_PORT): boolean => fixture.loopback.isListening(port);
  const post = (target: string, body: string, headers: Record<string, string> = ORIGIN) =>
    fixture.request(target, { method: "POST", body, headers });

  describe("its port", () => {
    it("is opened and closed by the setting, at once, and costs nothing while it is 0", async () => {
      await fixture.open(0);
      expect(fixture.clock.pendingTimers).to.equal(0);
      expect(fixture.files).to.deep.equal([]);
      await fixture.open();
      expect(isOpen()).to.equal(true);
      expect(fixture.url).to.match(/^http:\/\/localhost:8468\/\?key=[\w-]{43}$/);
      expect(JSON.parse(fixture.files[0] ?? "")).to.include({ pid: 4711 });
      expect(fixture.logger.text).to.include(fixture.url);
      await fixture.open(0);
      expect(isOpen()).to.equal(false);
      expect(fixture.files.at(-1)).to.equal(null);
      expect(fixture.clock.pendingTimers).to.equal(0);
    });

    it("is written to the file again, in case something has kept or deleted it", async () => {
      fixture.canWrite = false;
      await fixture.open();
      expect(isOpen()).to.equal(true);
      fixture.canWrite = true;
      await fixture.clock.advance(10_000);
      expect(fixture.files).to.have.length(1);
      await fixture.clock.advance(59_000);
      expect(fixture.files).to.have.length(1);
      await fixture.clock.advance(1_000);
      expect(fixture.files).to.deep.equal([fixture.files[0], fixture.files[0]]);
      await fixture.dashboard.stop();
      await fixture.clock.advance(120_000);
      expect(fixture.files.slice(2)).to.deep.equal([null]);
    });

    it("changes with the setting, and the key stays that of the process", async () => {
      await fixture.open();
      const { key } = fixture;
      await fixture.open(9000);
      expect([isOpen(), isOpen(9000)]).to.deep.equal([false, true]);
      expect(fixture.url).to.equal(`http://localhost:9000/?key=${key}`);
      expect(new DashboardFixture()).to.not.equal(fixture);
    });

    it("is tried again every few seconds while another program has it", async () => {
      let conflicts = 0;
      fixture.dashboard.events.on("conflictChanged", () => (conflicts += 1));
      const other = await fixture.loopback.listen(DASHBOARD_PORT, () =>
        Promise.reject(new Error()),
      );
      await fixture.open();
      expect(fixture.dashboard.conflict).to.deep.equal({ port: DASHBOARD_PORT, reason: "used" });
      await fixture.clock.advance(10_000);
      expect(conflicts).to.equal(1);
      await other.close();
      await fixture.clock.advance(5_000);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(conflicts).to.equal(2);
      expect((await fixture.request("/")).status).to.equal(200);
    });

    it("is no problem any more when the setting names another one, or none", async () => {
      await fixture.loopback.listen(DASHBOARD_PORT, () => Promise.reject(new Error()));
      await fixture.open();
      await fixture.open(0);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(fixture.clock.pendingTimers).to.equal(0);
      await fixture.open();
      await fixture.open(9000);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(isOpen(9000)).to.equal(true);
    });

    it("is never that of the authorization page", async () => {
      await fixture.open(8467);
      expect(isOpen(8467)).to.equal(false);
      expect(fixture.dashboard.conflict).to.deep.equal({ port: 8467, reason: "redirectPort" });
      await fixture.open();
      expect(fixture.dashboard.conflict).to.equal(null);
    });

    it("is closed by stop, also while it is being opened", async () => {
      fixture.dashboard.apply({ dashboardPort: DASHBOARD_PORT, redirectPort: 8467 });
      await fixture.dashboard.stop();
      expect(isOpen()).to.equal(false);
      await fixture.open(9000);
      expect(isOpen(9000)).to.equal(false);
      expect(fixture.clock.pendingTimers).to.equal(0);
    });
  });

  describe("to a browser", () => {
    beforeEach(() => fixture.open());

    it("gives a cookie of its port for the key, and moves the key out of the address", async () => {
      const { status, headers } = await fixture.request(`/?key=${fixture.key}`, {}, null);
      expect(status).to.equal(303);
      expect(headers.location).to.equal("/");
      expect(headers["set-cookie"]).to.match(
        /^ucx-webex-presence-8468=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/,
      );
      expect(headers["set-cookie"]).to.not.include(fixture.key);
    });

    it("gives the cookie to who follows a link on another site, too", async () => {
      const headers = { "sec-fetch-site": "cross-site" };
      const page = await fixture.request(`/?key=${fixture.key}`, { headers }, null);
      expect(page).to.include({ status: 200, body: "" });
      expect(page.headers).to.include({ refresh: "0;url=/", "cache-control": "no-store" });
      expect(page.headers["set-cookie"]).to.match(/; HttpOnly; SameSite=Strict; Path=\/$/);
      const refused = await fixture.request("/?key=x", { headers }, null);
      expect([refused.status, refused.headers["set-cookie"]]).to.deep.equal([403, undefined]);
    });

    it("shows a page without inline script that nobody may cache or frame", async () => {
      const { status, headers, body } = await fixture.request("/");
      expect(status).to.equal(200);
      expect(body).to.include("the dashboard").and.to.include("/dashboard.js");
      expect(headers["content-security-policy"])
        .to.include("default-src 'none'; script-src 'self'; style-src 'nonce-")
        .and.to.include("frame-ancestors 'none'");
      expect(headers).to.include({
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
      });
      expect(headers).to.not.have.any.keys("access-control-allow-origin", "set-cookie");
      expect((await fixture.request("/dashboard.js")).body).to.include("dashboard.client.js");
    });

    it("finds people, a page of them at a time", async () => {
      fixture.report({ "François Martin": "active", "Hugo Hoffmann": "call" });
      const { status, headers, body } = await fixture.request("/people?search=FRANCOIS&limit=1");
      expect([status, headers["content-type"]]).to.deep.equal([200, "application/json"]);
      const { people, ...page } = JSON.parse(body) as { people: Record<string, unknown>[] };
      expect(page).to.include({ total: 2, matching: 1, offset: 0 });
      expect(people).to.have.length(1);
      expect(people[0]).to.include({ displayName: "François Martin", state: "available" });
      expect(people[0]).to.not.have.any.keys("personId", "lastActivity");
    });

    for (const query of [
      "limit=0",
      "limit=201",
      "limit=x",
      "offset=-1",
      "sort=id",
      "order=up",
      "states=here",
      `search=${"x".repeat(201)}`,
    ]) {
      it(`refuses /people?${query.slice(0, 20)}`, async () => {
        const { status, body } = await fixture.request(`/people?${query}`);
        expect(status).to.equal(400);
        expect(JSON.parse(body)).to.have.keys("error", "hint");
      });
    }

    it("polls one organization, or all", async () => {
      expect(JSON.parse((await post("/poll-now", "{}")).body)).to.include({ accepted: true });
      await post("/poll-now", '{"orgId":"org-1"}', {
        ...SAME_SITE,
        "content-type": "application/json",
      });
      const form = { ...ORIGIN, "content-type": "application/x-www-form-urlencoded" };
      await post("/poll-now", "orgId=org-1", form);
      await post("/poll-now", "");
      expect(fixture.polled).to.deep.equal([null, "org-1", "org-1", null]);
    });

    it("says what went wrong when it cannot poll", async () => {
      fixture.poll = () => {
        throw new Fault("unknownOrganization", "There is no such organization.");
      };
      const { status, body } = await post("/poll-now", '{"orgId":"x"}');
      expect(status).to.equal(404);
      expect(JSON.parse(body)).to.deep.equal({ error: "There is no such organization.", hint: "" });
      for (const invalid of ["[1", '"text"', '{"orgId":7}'])
        expect((await post("/poll-now", invalid)).status, invalid).to.equal(400);
    });

    it("begins an authorization, or gives the open one", async () => {
      const urlOf = async (): Promise<unknown> =>
        (JSON.parse((await post("/authorize", "")).body) as { url: unknown }).url;
      expect(await urlOf()).to.equal("http://localhost:8467/?key=of-the-flow");
      fixture.begin = () => Promise.reject(new Fault("defect", "No flow is needed."));
      fixture.flow = {
        ...browserFlow(""),
        ...{ method: "device", url: null, verificationUri: "https://webex.example/device" },
      };
      expect(await urlOf()).to.equal("https://webex.example/device");
    });

    it("answers failures of the flow with a remedy, and defects with nothing of them", async () => {
      fixture.begin = () =>
        Promise.reject(new Fault("clientNotConfigured", "No client.", { hint: "Set it." }));
      const { status, body } = await post("/authorize", "");
      expect([status, JSON.parse(body)]).to.deep.equal([
        409,
        { error: "No client.", hint: "Set it." },
      ]);
      fixture.begin = () => Promise.reject(new Error("internal"));
      const defect = await post("/authorize", "");
      expect(defect.status).to.equal(500);
      expect(defect.body).to.not.include("internal");
      expect(fixture.logger.text).to.include("The dashboard failed to respond.");
    });

    it("drops the index of people 10 s after the last page has gone", async () => {
      fixture.report({ Ann: "active" });
      const created: unknown[] = [];
      const { directory } = fixture.presence;
      const createPeopleIndex = directory.createPeopleIndex.bind(directory);
      directory.createPeopleIndex = () => {
        created.push(1);
        return createPeopleIndex();
      };
      const stream = await fixture.stream();
      await fixture.request("/people");
      await fixture.clock.advance(60_000);
      await fixture.request("/people");
      expect(created).to.have.length(1);
      stream.end();
      await fixture.clock.advance(9_000);
      await fixture.request("/people");
      expect(created).to.have.length(1);
      await fixture.clock.advance(10_000);
      await fixture.request("/people");
      expect(created).to.have.length(2);
    });
  });

  describe("refuses", () => {
    beforeEach(() => fixture.open());

    const refusals: readonly [
      what: string,
      status: number,
      target: string | (() => string),
      request?: Partial<LoopbackRequest>,
      hasCookie?: boolean,
    ][] = [
      ["a browser without a key", 403, "/", {}, false],
      ["a wrong key", 403, () => `/?key=${fixture.key}x`],
      ["an empty key", 403, "/?key="],
      ["the key for anything but the page", 403, () => `/people?key=${fixture.key}`, {}, false],
      ["the script without a cookie", 403, "/dashboard.js", {}, false],
      ["events without a cookie", 403, "/events", {}, false],
      ["people without a cookie", 403, "/people", {}, false],
      ["history without a cookie", 403, "/history", {}, false],
      ["a made-up cookie", 403, "/people", { headers: { cookie: "ucx-webex-presence-8468=x" } }],
      ["an unknown path", 404, "/x"],
      ["a path below another", 404, "/people/"],
      ["HEAD", 405, "/", { method: "HEAD" }],
      ["OPTIONS", 405, "/people", { method: "OPTIONS" }],
      ["POST of a page", 405, "/", { method: "POST" }],
      ["GET of an action", 405, "/poll-now"],
      ["an action without a cookie", 403, "/poll-now", { method: "POST", headers: ORIGIN }, false],
      ["metrics without a key", 401, "/metrics"],
      ["metrics for a wrong key", 401, "/metrics", { headers: { authorization: "Bearer x" } }],
      ["metrics for a password", 401, "/metrics", { headers: { authorization: "Basic eDp5" } }],
    ];
    for (const [what, status, target, request = {}, hasCookie = true] of refusals) {
      it(`${what}: ${status}`, async () => {
        const path = typeof target === "string" ? target : target();
        const answer = await fixture.request(path, request, hasCookie ? undefined : null);
        expect(answer.status).to.equal(status);
        expect(JSON.parse(answer.body)).to.have.keys("error", "hint");
        expect(answer.headers["cache-control"]).to.equal("no-store");
        expect(answer.headers).to.not.have.any.keys("set-cookie", "access-control-allow-origin");
        expect(answer.body).to.not.include(fixture.key).and.to.not.include("org-1");
        expect(fixture.polled).to.deep.equal([]);
        const headers = { ...request.headers, accept: "text/html,*/*" };
        const page = await fixture.request(
          path,
          { ...request, headers },
          hasCookie ? undefined : null,
        );
        expect(page.status).to.equal(status);
        expect(page.headers["content-type"]).to.match(/^text\/html/);
        expect(page.body).to.not.include("<script");
      });
    }

    it("every other name of the machine, whatever the key and the cookie", async () => {
      for (const host of ["evil.example:8468", "localhost:8469", "localhost", "127.0.0.2:8468", ""])
        for (const target of ["/", `/?key=${fixture.key}`, "/people", "/metrics"]) {
          const headers = { host, authorization: `Bearer ${fixture.key}` };
          const { status } = await fixture.request(target, { headers });
          expect(status, `${host} ${target}`).to.equal(421);
        }
    });

    it("every action that its own page has not asked for", async () => {
      for (const headers of [
        {},
        { origin: "https://evil.example" },
        { origin: "http://localhost:8467" },
        { origin: "null" },
        { ...ORIGIN, "sec-fetch-site": "same-site" },
        { origin: "null", "sec-fetch-site": "cross-site" },
      ])
        for (const target of ["/poll-now", "/authorize"])
          expect((await post(target, "", headers)).status, JSON.stringify(headers)).to.equal(403);
      expect(fixture.polled).to.deep.equal([]);
    });

    it("says how to get the address", async () => {
      const { body } = await fixture.request("/", {}, null);
      expect(body).to.include("ucx-webex-presence dashboard");
      const metrics = await fixture.request("/metrics");
      expect(metrics.headers["www-authenticate"]).to.match(/^Bearer /);
    });

    it("more pages than the worker can serve", async () => {
      for (let n = 0; n < 32; n += 1) await fixture.stream();
      const { status, body } = await fixture.request("/events");
      expect(status).to.equal(503);
      expect(body).to.include("Too many");
    });
  });

  describe("for monitoring", () => {
    beforeEach(() => fixture.open());

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
        ["text/plain;version=0.0.4", "prometheus"],
      ] as const)
        expect((await metrics(accept)).headers["content-type"], accept).to.equal(format);
    });

    it("names the phase, problems, organizations and the process, and no person", async () => {
      fixture.report({ "Hugo Hoffmann": "active" });
      fixture.report({ "Hugo Hoffmann": "call" });
      await metrics();
      const samples = Object.fromEntries(
        fixture.families.flatMap(({ name, samples }) =>
          samples.map(({ labels, value }) => [
            `${name}${Object.values(labels).length > 0 ? `{${Object.values(labels).join()}}` : ""}`,
            value,
          ]),
        ),
      );
      const prefixed = (values: Record<string, number>) =>
        Object.fromEntries(
          Object.entries(values).map(([name, value]) => [`ucx_webex_presence_${name}`, value]),
        );
      expect(samples).to.include(
        prefixed({
          "info{1.2.3}": 1,
          "phase{polling}": 1,
          "phase{blocked}": 0,
          status_changes_total: 1,
          process_resident_memory_bytes: 50_000_000,
          process_cpu_seconds_total: 1.5,
          "persons{org-1}": 30,
          "watched{org-1}": 7,
          "requests_total{org-1}": 12,
          "requests_per_minute_limit{org-1}": 60,
          "watched_age_p95_seconds{org-1}": 9,
          "last_sweep_duration_seconds{org-1}": 2.5,
        }),
      );
      expect(JSON.stringify(fixture.families)).to.not.match(/Hugo|Hoffmann|@/);
      for (const { name, help } of fixture.families) {
        expect(name).to.match(/^ucx_webex_presence_[a-z0-9_]+$/);
        expect(help).to.match(/^[A-Z0-9].*\.$/);
      }
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

  it("stops beginning an authorization when it closes", async () => {
    await fixture.open();
    let signal: AbortSignal | null = null;
    fixture.begin = (ofBegin) => {
      signal = ofBegin;
      return new Promise(() => undefined);
    };
    void post("/authorize", "");
    await settle();
    expect(signal!.aborted).to.equal(false);
    await fixture.dashboard.stop();
    expect(signal!.aborted).to.equal(true);
  });
});
