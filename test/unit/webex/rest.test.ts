import { expect } from "chai";
import { inspect } from "node:util";

import { Fault } from "../../../src/faults/fault.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp, type ScriptedResponse } from "../../support/http-fake.js";
import { API, LimiterFake, never, peopleOver } from "../../support/webex-harness.js";

const ME = { id: "P1", orgId: "O1", status: "active" };
const REJECTION = { status: 401, body: { message: "The token is invalid.", trackingId: "T-1" } };
const redirect = (location: string): ScriptedResponse => ({
  status: 307,
  headers: { Location: location },
});

describe("RestClient", () => {
  it("sends the token, the user agent and no other header", async () => {
    const http = new ScriptedHttp([{ body: ME }]);
    await peopleOver(http).me(never);
    expect(http.requests[0]).to.include({
      method: "GET",
      url: `${API}/people/me`,
      timeoutMs: 30_000,
    });
    expect(http.requests[0]?.headers).to.deep.equal({
      Authorization: "Bearer token-1",
      Accept: "application/json",
      "User-Agent": "ucx-webex-presence/1.2.3",
    });
  });

  it("limits a page to 60 s and 64 MB", async () => {
    const http = new ScriptedHttp([{ body: { items: [] } }]);
    await peopleOver(http).listPage({ kind: "first", max: 1000 }, never);
    expect(http.requests[0]).to.include({
      url: `${API}/people?max=1000`,
      timeoutMs: 60_000,
      maxBytes: 64 * 1024 * 1024,
    });
  });

  it("replaces a rejected token and retries once, each time through the limiter", async () => {
    const http = new ScriptedHttp([REJECTION, { body: ME }]);
    const limiter = new LimiterFake();
    await peopleOver(http, limiter).me(never);
    expect(http.requests.map((r) => r.headers.Authorization)).to.deep.equal([
      "Bearer token-1",
      "Bearer token-2",
    ]);
    expect(limiter.events).to.deep.equal(["admit", "answered", "admit", "answered"]);
    expect(limiter.completed).to.deep.equal([1, 2]);
  });

  it("gives up after the second 401", async () => {
    const http = new ScriptedHttp([
      REJECTION,
      { status: 401, body: { message: "No.", trackingId: "T-2" } },
    ]);
    const fault = await faultOf(peopleOver(http).me(never));
    expect(fault).to.include({ code: "unauthorized", status: 401, trackingId: "T-2" });
    expect(http.remaining).to.equal(0);
  });

  const faults: [ScriptedResponse, string, string][] = [
    [{ status: 429, headers: { "Retry-After": "12" } }, "rateLimited", "rateLimited"],
    [{ status: 423 }, "rateLimited", "rateLimited"],
    [
      { status: 400, body: { message: "Email, displayName, or id list should be specified." } },
      "refused",
      "answered",
    ],
    [{ status: 403, body: { message: "Missing scope." } }, "forbidden", "answered"],
    [{ status: 404, body: { message: "Not found." } }, "notFound", "answered"],
    [{ status: 409, body: { trackingId: "T-1" } }, "refused", "answered"],
    [{ status: 500, body: "{}" }, "webexError", "failed"],
    [{ status: 502, body: "<html>Bad gateway</html>" }, "webexError", "failed"],
    [{ status: 503 }, "webexError", "failed"],
    [{ status: 304 }, "webexError", "answered"],
    [{ status: 200, body: "<!doctype html><p>Log in" }, "webexError", "answered"],
    [{ status: 200, body: '{"items": [' }, "webexError", "answered"],
    [{ status: 200, body: "[]" }, "webexError", "answered"],
    [{ status: 200, body: "" }, "webexError", "answered"],
  ];
  for (const [response, code, outcome] of faults) {
    const body = typeof response.body === "string" ? ` ${JSON.stringify(response.body)}` : "";
    it(`maps ${response.status ?? 200}${body} to ${code} and reports "${outcome}" to the limiter`, async () => {
      const limiter = new LimiterFake();
      const fault = await faultOf(peopleOver([response], limiter).me(never));
      expect([fault.code, fault.status]).to.deep.equal([code, response.status]);
      expect(limiter.events).to.deep.equal(["admit", outcome]);
    });
  }

  it("includes the delay, the tracking ID and Webex's message", async () => {
    const http = new ScriptedHttp([
      {
        status: 429,
        headers: { "Retry-After": "12", TrackingID: "T-1, T-2" },
        body: { message: "Too many requests" },
      },
    ]);
    const fault = await faultOf(peopleOver(http).me(never));
    expect(fault).to.include({ retryAfterMs: 12_000, trackingId: "T-1" });
    expect(fault.message).to.contain("Too many requests");
  });

  it("contains neither the requested person nor the token, wherever Webex puts them", async () => {
    const body = {
      message: "No such thing: /v1/people?email=zoe%40corp.example",
      errors: [{ description: "zoe@corp.example token-1" }],
    };
    for (const status of [400, 403, 404, 500]) {
      const fault = await faultOf(
        peopleOver([{ status, body }]).findByEmail("zoe@corp.example", never),
      );
      expect(inspect(fault, { depth: 10, showHidden: true })).not.to.match(
        /zoe|corp\.example|token-1/,
      );
    }
  });

  it("quotes nothing of a response that is not JSON", async () => {
    const fault = await faultOf(peopleOver([{ body: "zoe@corp.example" }]).me(never));
    expect(fault.cause).to.equal(undefined);
    expect(fault.message).not.to.contain("zoe");
  });

  it("follows redirects within the origin, each through the limiter", async () => {
    const http = new ScriptedHttp([
      redirect("/v1/a"),
      redirect(`${API}/b`),
      redirect("HTTPS://WebexAPIs.com:443/v1/c"),
      { body: ME },
    ]);
    const limiter = new LimiterFake();
    await peopleOver(http, limiter).me(never);
    expect(http.requests.map((r) => r.url)).to.deep.equal([
      `${API}/people/me`,
      `${API}/a`,
      `${API}/b`,
      `${API}/c`,
    ]);
    expect(limiter.events.filter((e) => e === "admit")).to.have.length(4);
  });

  it("follows at most three redirects", async () => {
    const http = new ScriptedHttp([redirect("/a"), redirect("/b"), redirect("/c"), redirect("/d")]);
    expect((await faultOf(peopleOver(http).me(never))).code).to.equal("webexError");
    expect(http.requests).to.have.length(4);
  });

  for (const target of [
    "https://evil.example/v1/people/me",
    "http://webexapis.com/v1/people/me",
    "//evil.example",
    "\\\\evil.example\\v1",
    "https://webexapis.com@evil.example/v1/people/me",
    "https://webexapis.com./v1/people/me",
    "https://webexapis.com:8443/v1/people/me",
    "https://somebody@webexapis.com/v1/people/me",
    "https://xn--webexapis-.com/v1/people/me",
    "http://[",
    "",
  ]) {
    it(`does not follow a redirect to ${target === "" ? "a missing address" : target}`, async () => {
      const http = new ScriptedHttp([redirect(target)]);
      expect((await faultOf(peopleOver(http).me(never))).code).to.equal("webexError");
      expect(http.requests).to.have.length(1);
    });
  }

  it("does not request a page from another origin", async () => {
    const http = new ScriptedHttp([]);
    const fault = await faultOf(
      peopleOver(http).listPage({ kind: "next", url: "https://evil.example/" }, never),
    );
    expect([fault.code, http.requests.length]).to.deep.equal(["webexError", 0]);
    expect(fault.hint).to.be.a("string");
  });

  it("passes network faults on and reports them to the limiter", async () => {
    const limiter = new LimiterFake();
    const http = new ScriptedHttp([new Fault("webexUnreachable", "No route.")]);
    expect((await faultOf(peopleOver(http, limiter).me(never))).code).to.equal("webexUnreachable");
    expect(limiter.events).to.deep.equal(["admit", "failed"]);
  });

  it("repeats a request that met a closed idle connection once, and counts both", async () => {
    const stale = new Fault("webexUnreachable", "Closed.", { data: { reason: "staleConnection" } });
    const limiter = new LimiterFake();
    await peopleOver(new ScriptedHttp([stale, { body: ME }]), limiter).me(never);
    expect(limiter.events).to.deep.equal(["admit", "answered", "admit", "answered"]);
    expect(limiter.completed).to.deep.equal([1, 2]);
    const http = new ScriptedHttp([stale, stale]);
    expect(await faultOf(peopleOver(http).me(never))).to.equal(stale);
    expect(http.requests).to.have.length(2);
  });

  it("sends no request that is cancelled in the limiter, and reports no failure", async () => {
    const controller = new AbortController();
    const limiter = new LimiterFake();
    limiter.acquire = async () => controller.abort();
    const http = new ScriptedHttp([]);
    const fault = await faultOf(peopleOver(http, limiter).me(controller.signal));
    expect([fault.code, http.requests.length, limiter.events.join()]).to.deep.equal([
      "cancelled",
      0,
      "answered",
    ]);
  });

  it("cancels a pending request", async () => {
    const controller = new AbortController();
    const call = faultOf(peopleOver(["silence"]).me(controller.signal));
    setImmediate(() => controller.abort());
    expect((await call).code).to.equal("cancelled");
  });
});
