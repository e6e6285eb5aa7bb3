import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import type { LoopbackRequest } from "../../../src/ports/loopback-server.js";
import { browserFlow, DASHBOARD_PORT, DashboardFixture } from "../../support/dashboard-fixture.js";

const ORIGIN = { origin: `http://localhost:${DASHBOARD_PORT}` };
const SAME_SITE = { "sec-fetch-site": "same-origin" };

describe("dashboard: requests", () => {
  let fixture: DashboardFixture;

  beforeEach(() => {
    fixture = new DashboardFixture();
  });

  const post = (target: string, body: string, headers: Record<string, string> = ORIGIN) =>
    fixture.request(target, { method: "POST", body, headers });

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
      await fixture.open(9000);
      const { headers: ofOther } = await fixture.loopback.request(9000, {
        target: `/?key=${fixture.key}`,
      });
      expect(ofOther["set-cookie"]).to.match(/^ucx-webex-presence-9000=/);
    });

    it("takes its cookie among those of other workers and programs, and that alone", async () => {
      const cookie = await fixture.cookie();
      const session = cookie.split("=")[1] ?? "";
      for (const [sent, status] of [
        [`a=b; ucx-webex-presence-8469=x; ${cookie}; c=d`, 200],
        [`ucx-webex-presence-8468=x;${cookie}`, 200],
        [`ucx-webex-presence-8469=${session}`, 403],
        [`x${cookie}`, 403],
        [session, 403],
        [`ucx-webex-presence-8468=${fixture.key}`, 403],
      ] as const)
        expect((await fixture.request("/history", {}, sent)).status, sent).to.equal(status);
    });

    it("sends nothing, of whatever kind, that may be cached, framed or embedded", async () => {
      const responses: Record<string, object> = {};
      for (const target of ["/", "/dashboard.js", "/events", "/people", "/history", "/none"])
        responses[target] = await fixture.headersOf(target);
      responses["the address"] = await fixture.headersOf(`/?key=${fixture.key}`);
      const authorization = `Bearer ${fixture.key}`;
      responses["/metrics"] = await fixture.headersOf("/metrics", { authorization });
      for (const [what, headers] of Object.entries(responses))
        expect(headers, what).to.include({
          "cache-control": "no-store",
          "referrer-policy": "no-referrer",
          "x-content-type-options": "nosniff",
          "x-frame-options": "DENY",
          "cross-origin-resource-policy": "same-origin",
        });
    });

    it("gives each page another nonce", async () => {
      const pages = [await fixture.request("/"), await fixture.request("/")];
      const nonces = pages.map(({ headers, body }) => {
        const [, nonce] = /'nonce-([^']+)'/.exec(headers["content-security-policy"] ?? "") ?? [];
        expect(body).to.include(`<style nonce="${nonce}">`);
        return nonce;
      });
      expect(nonces[0]).to.match(/^[\w-]{22}$/);
      expect(new Set(nonces)).to.have.property("size", 2);
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

    it("gives names as they are, but no character that changes what a terminal shows", async () => {
      fixture.report({ "Ann\u202e\u001b[2J": "active" });
      const { body } = await fixture.request("/people");
      // eslint-disable-next-line no-control-regex -- control characters are what is tested
      expect(body).not.to.match(/[\u0000-\u001f\u202e]/);
      expect(body).to.include("\\u202e");
    });

    it("tells the version of people from before it looked them up", async () => {
      fixture.report({ Ann: "active" });
      const { directory } = fixture.presence;
      const create = directory.createPeopleIndex.bind(directory);
      directory.createPeopleIndex = () => {
        const index = create();
        const select = index.select.bind(index);
        index.select = async (selection) => {
          const selected = await select(selection);
          fixture.report({ Ann: "call" });
          return selected;
        };
        return index;
      };
      const version = directory.peopleVersion;
      const { body } = await fixture.request("/people");
      expect(JSON.parse(body)).to.include({ version });
      expect(directory.peopleVersion).to.be.greaterThan(version);
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
      expect(fixture.logger.text.match(/asked on the dashboard to poll/g)).to.have.length(4);
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
      const ended = { ...browserFlow("http://localhost:8467/?key=of-before"), state: "expired" };
      fixture.flow = ended as typeof fixture.flow;
      fixture.begin = () => Promise.resolve(browserFlow("http://localhost:8467/?key=anew"));
      expect(await urlOf(), "not that of a flow that has ended").to.include("key=anew");
      expect(fixture.logger.text.match(/asked on the dashboard to authorize/g)).to.have.length(2);
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
      const next = await fixture.stream();
      await fixture.request("/people");
      expect(created).to.have.length(2);
      await fixture.clock.advance(60_000);
      next.end();
      await fixture.clock.advance(10_000);
      await fixture.request("/people");
      expect(created, "the page asked for nobody before it went").to.have.length(3);
      // A program that asks without a page.
      await fixture.clock.advance(10_000);
      await fixture.request("/people");
      expect(created).to.have.length(4);
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

    it("the session of a browser in the place of the key", async () => {
      const [, session = ""] = (await fixture.cookie()).split("=");
      const headers = { authorization: `Bearer ${session}` };
      expect((await fixture.request("/metrics", { headers })).status).to.equal(401);
      expect((await fixture.request(`/?key=${session}`)).status).to.equal(403);
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
});
