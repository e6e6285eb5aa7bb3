import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";

import { launchChromium } from "../support/browser-flow-http-harness.js";
import {
  AuthorizationHarness,
  hasIpv6,
  holdPort,
  releasePort,
} from "../support/authorization-harness.js";

const FORM = { "content-type": "application/x-www-form-urlencoded" };

describe("e2e: attacks on the authorization page", function () {
  this.timeout(30_000);
  let harness: AuthorizationHarness;
  let address: string;
  let search: string;

  beforeEach(async () => {
    harness = await AuthorizationHarness.start();
    address = await harness.open();
    ({ search } = new URL(address));
  });

  afterEach(async () => {
    await harness.stop();
  });

  const grants = async (): Promise<number> => {
    const { authorizations } = (await harness.worker.host.request("authorization/list")) as {
      authorizations: unknown[];
    };
    return authorizations.length;
  };
  const tokenRequests = (): number =>
    harness.webex.requestsSince(0, { path: "/v1/access_token" }).length;

  it("rejects a wrong key everywhere, and reveals nothing about the flow", async () => {
    const otherKey = "A".repeat(search.length - 5);
    for (const target of [
      "/",
      "/?key=",
      `/?key=${otherKey}`,
      `/authorize?key=${otherKey}`,
      `/events?key=${otherKey}`,
      `/page.js?key=${otherKey}`,
    ]) {
      const response = await harness.request(target);
      expect(response.status, target).to.equal(403);
      expect(response.headers.location, target).to.equal(undefined);
      expect(response.body).to.not.include(harness.webex.client.clientId);
      expect(response.body).to.not.include(search.slice(5));
    }
    const complete = await harness.request("/complete", {
      method: "POST",
      headers: FORM,
      body: `key=${otherKey}`,
    });
    expect(complete.status).to.equal(403);
    expect((await harness.request(`/${search}`)).status).to.equal(200);
  });

  it("rejects a callback with a wrong or missing state, and still accepts the right one", async () => {
    const callback = await harness.callbackUrl(address);
    const code = callback.searchParams.get("code") ?? "";
    for (const query of [
      `code=${code}&state=wrong`,
      `code=${code}`,
      `code=${code}&state=`,
      `error=access_denied&state=wrong`,
    ]) {
      expect(
        (await harness.request(`/oauth/callback?${query}`)).status,
        query.replace(code, "…"),
      ).to.equal(400);
    }
    expect(tokenRequests()).to.equal(0);
    expect(harness.flow?.state).to.equal("waiting");
    expect((await harness.request(callback.pathname + callback.search)).status).to.equal(303);
    expect(await grants()).to.equal(1);
  });

  it("accepts a code once, with its own state or another one", async () => {
    const callback = await harness.callbackUrl(address);
    expect((await harness.request(callback.pathname + callback.search)).status).to.equal(303);
    expect((await harness.request(callback.pathname + callback.search)).status).to.equal(400);
    const second = await harness.callbackUrl(address);
    const stolen = `/oauth/callback?code=${callback.searchParams.get("code")}&state=${second.searchParams.get("state")}`;
    expect((await harness.request(stolen)).status).to.equal(400);
    expect(tokenRequests()).to.equal(1);
    expect(await grants()).to.equal(1);
  });

  it("rejects a code that was issued for the PKCE challenge of another request", async () => {
    const [mine, other] = [await harness.callbackUrl(address), await harness.callbackUrl(address)];
    const mixed = `/oauth/callback?code=${other.searchParams.get("code")}&state=${mine.searchParams.get("state")}`;
    expect((await harness.request(mixed)).status).to.equal(303);
    expect(
      harness.webex.requestsSince(0, { path: "/v1/access_token" }).map(({ status }) => status),
    ).to.deep.equal([400]);
    expect(
      (await harness.waitForFlow("failed", ({ state }) => state === "failed")).message,
    ).to.include("Webex refused");
    expect(await grants()).to.equal(0);
  });

  it("rejects all other names in the Host header, even with the right key", async () => {
    for (const host of [
      "evil.example",
      `evil.example:${harness.port}`,
      "localhost",
      `localhost:${harness.port}.evil.example`,
      "[::1]",
    ]) {
      const response = await harness.request(`/${search}`, { headers: { host } });
      expect(response.status, host).to.equal(421);
      expect(response.body).to.not.include(harness.webex.client.clientId);
    }
    for (const host of [
      `localhost:${harness.port}`,
      `127.0.0.1:${harness.port}`,
      `[::1]:${harness.port}`,
    ]) {
      expect((await harness.request(`/${search}`, { headers: { host } })).status, host).to.equal(
        200,
      );
    }
    if (hasIpv6())
      expect((await harness.request(`/${search}`, { host: "::1" })).status).to.equal(200);
  });

  it("rejects an unexpected callback, and does not listen without a flow", async () => {
    for (const query of [
      "",
      "?code=abc&state=abc",
      "?error=access_denied&state=",
      "?code=abc&state=__proto__",
    ]) {
      expect((await harness.request(`/oauth/callback${query}`)).status, query).to.equal(400);
    }
    const callback = await harness.callbackUrl(address);
    await harness.worker.host.request("authorization/cancel");
    address = await harness.waitForPage(address);
    expect((await harness.request(callback.pathname + callback.search)).status).to.equal(400);
    expect(tokenRequests()).to.equal(0);
    await harness.writeSettings(0);
    await harness.worker.waitFor("a closed page", async () =>
      (await harness.isListening()) ? null : true,
    );
    expect(await harness.isListening("::1")).to.equal(false);
  });

  it("rejects the form of another origin on every path", async () => {
    const callback = await harness.callbackUrl(address);
    const origin = "http://evil.example";
    const posted = { method: "POST", body: callback.search.slice(1), headers: { ...FORM, origin } };
    expect((await harness.request("/oauth/callback", posted)).status).to.equal(405);
    expect((await harness.request(callback.pathname + callback.search, posted)).status).to.equal(
      405,
    );
    expect(tokenRequests()).to.equal(0);
    await harness.request(callback.pathname + callback.search);
    expect(await grants()).to.equal(1);
    const foreign: Record<string, string>[] = [
      { origin },
      { origin: "null" },
      { origin: "null", "sec-fetch-site": "cross-site" },
      { origin: `http://localhost:${harness.port + 1}`, "sec-fetch-site": "same-site" },
    ];
    for (const headers of foreign) {
      const response = await harness.request("/complete", {
        method: "POST",
        body: search.slice(1),
        headers: { ...FORM, ...headers },
      });
      expect(response.status, JSON.stringify(headers)).to.equal(403);
    }
    expect(harness.flow?.state).to.equal("waiting");
    expect((await harness.complete(address)).status).to.equal(200);
  });

  it("shows an error description as text, without headers, markup or control characters", async () => {
    const authorizeUrl = new URL(await harness.authorizeUrl(address));
    const said =
      "<script>alert(1)</script><img src=x onerror=alert(2)>\"'\r\nSet-Cookie: a=b\r\n\r\n<h1>\u202eowned";
    const query = new URLSearchParams({
      error: "access_denied\r\nX-Evil: 1",
      error_description: said,
      state: authorizeUrl.searchParams.get("state") ?? "",
    });
    const callback = await harness.request(`/oauth/callback?${query.toString()}`);
    expect(callback.status).to.equal(303);
    expect((await harness.request(`/oauth/callback?${query.toString()}`)).status).to.equal(400);
    expect(callback.headers.location).to.equal(`/${search}`);
    expect(callback.headers).to.not.have.any.keys("set-cookie", "x-evil");
    const { body, headers } = await harness.request(`/${search}`);
    expect(headers).to.not.have.any.keys("set-cookie", "x-evil");
    expect(body).to.include(
      "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;&quot;&#39;Set-Cookie: a=b&lt;h1&gt;owned",
    );
    expect(body).to.not.match(/<script>alert|<img|<h1>owned|\u202e/);
    expect(harness.worker.host.transcript.text("stderr"))
      .to.not.include("X-Evil")
      .and.to.not.include("alert(1)");
  });

  it("forbids caches, frames and scripts of other origins", async () => {
    const policy = (csp: string): Map<string, string> =>
      new Map(
        csp
          .split("; ")
          .map((part) => [part.split(" ")[0] ?? "", part.split(" ").slice(1).join(" ")]),
      );
    for (const target of [`/${search}`, "/?key=wrong", "/nothing"]) {
      const { headers } = await harness.request(target);
      expect(headers["cache-control"], target).to.equal("no-store");
      expect(headers["x-frame-options"], target).to.equal("DENY");
      expect(headers["referrer-policy"], target).to.equal("no-referrer");
      expect(headers["x-content-type-options"], target).to.equal("nosniff");
      expect(headers, target).to.not.have.any.keys("access-control-allow-origin", "set-cookie");
      const csp = policy(String(headers["content-security-policy"]));
      expect(csp.get("default-src"), target).to.equal("'none'");
      expect(csp.get("script-src"), target).to.equal("'self'");
      expect(csp.get("frame-ancestors"), target).to.equal("'none'");
      expect(csp.get("base-uri"), target).to.equal("'none'");
      expect(csp.get("form-action"), target).to.equal("'self'");
    }
    const callback = await harness.callbackUrl(address);
    for (const target of [`/authorize${search}`, callback.pathname + callback.search]) {
      const { headers } = await harness.request(target);
      expect(headers["cache-control"]).to.equal("no-store");
      expect(headers["referrer-policy"]).to.equal("no-referrer");
    }
  });

  it("rejects requests that are too long or malformed, and continues to respond", async () => {
    const long = "x".repeat(40_000);
    expect(
      (await harness.request("/complete", { method: "POST", headers: FORM, body: long })).status,
    ).to.equal(413);
    expect((await harness.request(`/?key=${long}`)).status).to.equal(431);
    expect((await harness.request(`/${search}`, { method: "TRACE" })).status).to.equal(405);
    expect((await harness.request(`http://evil.example/${search}`)).status).to.equal(404);
    expect((await harness.request(`//${search}`)).status).to.equal(404);
    expect((await harness.request(`/${search}`)).status).to.equal(200);
  });

  it("does not load in a frame of another page", async function () {
    const browser = await launchChromium(this);
    const html = `<!doctype html><title>elsewhere</title><iframe src="${address}" width="800" height="600"></iframe>`;
    const site: Server = createServer((_request, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end(html),
    );
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    try {
      const page = await browser.newPage();
      const refused: string[] = [];
      page.on("console", (message) => refused.push(message.text()));
      await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
      const frame = page.frames()[1];
      await harness.worker.waitFor("the refusal", () =>
        refused.some((line) => /frame-ancestors|X-Frame-Options/i.test(line)) ? true : null,
      );
      expect(await frame?.locator('[data-testid="authorize"]').count()).to.equal(0);
      await page.goto(address);
      await page.getByTestId("authorize").waitFor();
    } finally {
      await browser.close();
      site.close();
      site.closeAllConnections();
    }
  });
});

describe("e2e: another program on the port of the authorization page", function () {
  this.timeout(60_000);

  for (const host of hasIpv6() ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
    it(`is reported for ${host}, and the page opens when the port is free`, async () => {
      const harness = await AuthorizationHarness.start();
      try {
        const other = await holdPort(harness.port, host);
        await harness.writeSettings(1);
        const problem = await harness.waitForProblem("redirectPortInUse");
        expect(problem).to.include({ severity: "warning" });
        expect(problem.message).to.include(String(harness.port));
        expect(problem.hint).to.include("WebexPresence.RedirectPort");
        let refused: { code?: number; data?: { port?: number } } = {};
        await harness.worker.host
          .request("authorization/begin", { method: "browser" })
          .catch((error: unknown) => (refused = error as typeof refused));
        expect(refused.code).to.equal(1106);
        expect(refused.data?.port).to.equal(harness.port);
        expect(harness.flow).to.equal(null);
        await releasePort(other);
        const address = await harness.waitForPage(null, 15_000);
        await harness.waitForProblemEnd("redirectPortInUse", 2_000);
        expect((await harness.request(`/${new URL(address).search}`, { host })).status).to.equal(
          200,
        );
      } finally {
        await harness.stop();
      }
    });
  }
});
