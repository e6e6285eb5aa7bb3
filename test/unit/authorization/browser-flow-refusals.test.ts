import { expect } from "chai";

import type { LoopbackRequest } from "../../../src/ports/loopback-server.js";
import type { TokenResponse } from "../../../src/webex/oauth.js";
import { BrowserFlowHarness, FORM, PORT, stateOf } from "../../support/browser-flow-harness.js";
import {
  TOKEN_RESPONSE,
  authorizationOf,
  faultOf,
} from "../../support/authorization-flow-fixture.js";
import { settle } from "../../support/clock-fake.js";

describe("browser flow: rejected requests", () => {
  let harness: BrowserFlowHarness;

  beforeEach(() => {
    harness = new BrowserFlowHarness();
  });

  afterEach(() => harness.stop());

  beforeEach(() => harness.start());

  const table: [string, () => Partial<LoopbackRequest>, number][] = [
    ["a missing key", () => ({ target: "/" }), 403],
    ["a wrong key", () => ({ target: `/?key=${harness.key}x` }), 403],
    ["an empty key", () => ({ target: "/?key=" }), 403],
    ["a wrong key at AUTHORIZE", () => ({ target: "/authorize?key=wrong" }), 403],
    ["a wrong key for events", () => ({ target: "/events?key=wrong" }), 403],
    ["a wrong key for the script", () => ({ target: "/page.js" }), 403],
    [
      "another host name",
      () => ({ target: `/?key=${harness.key}`, headers: { host: "evil.example" } }),
      421,
    ],
    [
      "another host's port",
      () => ({ target: `/?key=${harness.key}`, headers: { host: "localhost:1" } }),
      421,
    ],
    ["no host name", () => ({ target: `/?key=${harness.key}`, headers: {} }), 421],
    [
      "a host name that begins like ours",
      () => ({ headers: { host: `localhost:${PORT}.evil.example` } }),
      421,
    ],
    ["an unknown path", () => ({ target: `/favicon.ico?key=${harness.key}` }), 404],
    [
      "a path that is a member of Object",
      () => ({ target: `constructor?key=${harness.key}` }),
      404,
    ],
    ["a path with two slashes", () => ({ target: `//evil.example/?key=${harness.key}` }), 404],
    ["POST to the page", () => ({ method: "POST", target: `/?key=${harness.key}` }), 405],
    ["HEAD of AUTHORIZE", () => ({ method: "HEAD", target: `/authorize?key=${harness.key}` }), 405],
    ["GET of COMPLETE REQUEST", () => ({ target: `/complete?key=${harness.key}` }), 405],
    [
      "POST to the callback",
      () => ({ method: "POST", target: "/oauth/callback?code=1&state=2" }),
      405,
    ],
  ];
  for (const [what, request, status] of table) {
    it(`rejects ${what} with ${status}`, async () => {
      const page = await harness.send(request());
      expect(page.status).to.equal(status);
      expect(page.body).not.to.contain(harness.key);
      expect(page.headers["content-security-policy"]).to.contain("default-src 'none'");
      if (status === 405) expect(page.headers.allow).to.match(/^(GET|POST)$/);
    });
  }

  it("accepts 127.0.0.1, [::1] and LOCALHOST as host names", async () => {
    for (const host of [`127.0.0.1:${PORT}`, `[::1]:${PORT}`, `LOCALHOST:${PORT}`]) {
      expect(
        (await harness.send({ target: `/?key=${harness.key}`, headers: { host } })).status,
      ).to.equal(200);
    }
  });

  const callbacks: [string, (s: string) => string][] = [
    ["no state", () => "code=code-1-text"],
    ["an unknown state", () => "code=code-1-text&state=unknown"],
    ["a changed state", (s) => `code=code-1-text&state=${s}x`],
    ["neither code nor error", (s) => `state=${s}`],
    ["an empty code", (s) => `code=&state=${s}`],
    ["an error with an unknown state", () => "error=access_denied&state=unknown"],
  ];
  for (const [what, query] of callbacks) {
    it(`rejects a callback with ${what} without a request to Webex`, async () => {
      const s = await harness.authorize();
      expect((await harness.get(`/oauth/callback?${query(s)}`)).status).to.equal(400);
      expect(harness.oauth.exchanges).to.deep.equal([]);
      expect(await harness.state()).to.equal("waiting");
    });
  }

  it("rejects a callback before AUTHORIZE was pressed", async () => {
    expect((await harness.get("/oauth/callback?code=code-1-text&state=x")).status).to.equal(400);
  });

  it("rejects a code that was used before, with its own state and another one", async () => {
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    const first = await harness.authorize();
    const second = await harness.authorize();
    expect((await harness.get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(
      303,
    );
    expect((await harness.get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(
      400,
    );
    expect((await harness.get(`/oauth/callback?code=code-2&state=${first}`)).status).to.equal(400);
    expect((await harness.get(`/oauth/callback?code=code-1-text&state=${second}`)).status).to.equal(
      400,
    );
    expect(harness.oauth.exchanges).to.have.length(1);
  });

  it("shows the authorization to a browser whose callback another program opened first", async () => {
    let resolveExchange: (tokens: TokenResponse) => void = () => undefined;
    harness.oauth.exchangeOutcomes.push(
      new Promise<TokenResponse>((resolve) => (resolveExchange = resolve)),
    );
    const callback = `/oauth/callback?code=code-1-text&state=${await harness.authorize()}`;
    const first = harness.get(callback);
    const repeated = harness.get(callback);
    await settle();
    resolveExchange(TOKEN_RESPONSE);
    expect((await first).status).to.equal(303);
    for (const page of [await repeated, await harness.get(callback)]) {
      expect(page.status).to.equal(400);
      expect(stateOf(page.body)).to.equal("authorized");
      expect(page.body).to.contain("Acme is authorized");
    }
    expect(harness.oauth.exchanges).to.have.length(1);
    expect((await harness.complete()).status).to.equal(200);
  });

  it("shows why an attempt failed to a browser whose callback another program opened first", async () => {
    harness.oauth.exchangeOutcomes.push(faultOf("webexUnreachable"));
    const callback = `/oauth/callback?code=code-1-text&state=${await harness.authorize()}`;
    await harness.get(callback);
    const page = await harness.get(callback);
    expect(page.status).to.equal(400);
    expect(stateOf(page.body)).to.equal("failed");
    expect(page.body).to.contain("What webexUnreachable means.");
  });

  for (const [name, value] of [
    ["sec-purpose", "prefetch"],
    ["sec-purpose", "prefetch;prerender"],
    ["purpose", "prefetch"],
    ["x-purpose", "preview"],
    ["x-moz", "prefetch"],
  ] as const) {
    it(`uses up nothing for a request with ${name}: ${value}`, async () => {
      const headers = { host: `localhost:${PORT}`, [name]: value };
      const link = `/authorize?key=${harness.key}`;
      expect((await harness.send({ target: link, headers })).status).to.equal(503);
      expect(harness.oauth.authorizeRequests).to.deep.equal([]);
      expect(await harness.state()).to.equal("required");
      harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
      const callback = `/oauth/callback?code=code-1-text&state=${await harness.authorize()}`;
      const early = await harness.send({ target: callback, headers });
      expect(early.status).to.equal(503);
      expect(early.body).not.to.contain(harness.key);
      expect((await harness.send({ method: "HEAD", target: callback })).status).to.equal(405);
      expect(harness.oauth.exchanges).to.deep.equal([]);
      expect((await harness.get(callback)).status).to.equal(303);
      expect(await harness.state()).to.equal("authorized");
    });
  }

  it("rejects COMPLETE REQUEST without an authorization, and with a wrong key, type or origin", async () => {
    expect((await harness.complete()).status).to.equal(409);
    harness.grantSink.authorizations = [authorizationOf("Acme")];
    const host = `localhost:${PORT}`;
    const refusals: [Partial<LoopbackRequest>, number][] = [
      [{ body: "key=wrong" }, 403],
      [{ body: "" }, 403],
      [{ target: `/complete?key=${harness.key}`, body: "" }, 403],
      [{ headers: { ...FORM, "content-type": "text/plain" } }, 415],
      [{ headers: { ...FORM, origin: "https://evil.example" } }, 403],
      [{ headers: { ...FORM, origin: "http://localhost:9999" } }, 403],
      [{ headers: { ...FORM, origin: "null" } }, 403],
      [{ headers: { ...FORM, origin: "null", "sec-fetch-site": "cross-site" } }, 403],
      [{ headers: { ...FORM, "sec-fetch-site": "same-site" } }, 403],
      [{ headers: { ...FORM, origin: `http://${host}`, "sec-fetch-site": "cross-site" } }, 403],
    ];
    for (const [request, status] of refusals) {
      expect((await harness.complete(request)).status, JSON.stringify(request)).to.equal(status);
    }
    expect(harness.flow.isOpen).to.equal(true);
  });

  it("rejects a retry with a wrong key, type or origin", async () => {
    const orgId = harness.refuse();
    const body = `key=${harness.key}&orgId=${orgId}`;
    const refusals: [Partial<LoopbackRequest>, number][] = [
      [{ body: `key=wrong&orgId=${orgId}` }, 403],
      [{ target: `/retry?${body}`, body: `orgId=${orgId}` }, 403],
      [{ headers: { ...FORM, "content-type": "text/plain" } }, 415],
      [{ headers: { ...FORM, origin: "https://evil.example" } }, 403],
      [{ headers: { ...FORM, "sec-fetch-site": "cross-site" } }, 403],
      [{ headers: { ...FORM, host: "evil.example" } }, 421],
      [{ method: "GET", target: `/retry?${body}`, body: "" }, 405],
    ];
    for (const [request, status] of refusals) {
      const response = await harness.complete({ target: "/retry", body, ...request });
      expect(response.status, JSON.stringify(request)).to.equal(status);
    }
    expect(harness.retriedOrgIds).to.deep.equal([]);
    const retry = harness.complete({ target: "/retry", body });
    expect((await harness.clock.until(retry, 2_000)).status).to.equal(303);
    expect(harness.retriedOrgIds).to.deep.equal([orgId]);
  });

  it("accepts its own form with an origin, without one, and with a null one that the browser confirms", async () => {
    const sameOriginHeaders = [
      FORM,
      { ...FORM, origin: `http://localhost:${PORT}`, "sec-fetch-site": "same-origin" },
      { ...FORM, origin: "null", "sec-fetch-site": "same-origin" },
    ];
    for (const headers of sameOriginHeaders)
      expect((await harness.complete({ headers })).status).to.equal(409);
  });
});
