import { get as httpsGet } from "node:https";
import { expect } from "chai";
import { KNOBS } from "../../simulator/knobs.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { makeCertificates } from "../support/certificates-fixture.js";

interface Page {
  items: unknown[];
}

describe("simulator: limits, faults and control", () => {
  let webex: WebexSimulator;
  let token: string;

  beforeEach(async () => {
    webex = new WebexSimulator({
      organizations: [{ name: "Acme", persons: 30, seed: 7, bots: 0 }],
      speed: 0,
    });
    await webex.start();
    token = webex.issueGrant().accessToken;
  });
  afterEach(() => webex.stop());

  const get = (path = "/v1/people?max=10", init: RequestInit = {}): Promise<Response> =>
    fetch(path.startsWith("http") ? path : `${webex.url}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "manual",
      ...init,
    });
  const nextLink = (response: Response): string =>
    /<([^>]+)>/.exec(response.headers.get("link") ?? "")![1]!;
  async function isRejected(request: Promise<Response>): Promise<boolean> {
    try {
      await (await request).text();
      return false;
    } catch {
      return true;
    }
  }

  it("limits requests per minute with each form of Retry-After, 429 or 423", async () => {
    webex.set({ requestsPerMinute: 2 });
    expect([(await get()).status, (await get()).status]).to.deep.equal([200, 200]);
    const refused = await get();
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get("retry-after"))).to.be.within(50, 60);
    expect(await refused.json()).to.have.all.keys("message", "errors", "trackingId");
    const forms: (string | null)[] = [];
    for (const retryAfterForm of ["missing", "zero", "rand", "date"] as const) {
      webex.set({ retryAfterForm, rateLimitStatus: 423 });
      const response = await get();
      expect(response.status).to.equal(423);
      forms.push(response.headers.get("retry-after"));
    }
    expect(forms.slice(0, 3)).to.deep.equal([null, "0", "rand(30),add(30)"]);
    expect(Date.parse(forms[3]!)).to.be.within(Date.now() + 45_000, Date.now() + 62_000);
    webex.resetRateLimit();
    webex.occupy(0, 2);
    expect((await get()).status).to.equal(423);
  });

  it("sends a tracking ID, or several, and repeats it in error bodies", async () => {
    webex.set({ trackingIdRepeats: 2 });
    const response = await get("/v1/people/nobody");
    const { trackingId } = (await response.json()) as { trackingId: string };
    expect(response.headers.get("trackingid")).to.equal(`${trackingId}, ${trackingId}`);
  });

  it("echoes the tracking ID of a request, and otherwise sends one in Webex's form", async () => {
    const sent = "python_webex-sdk_0b2c1f3e-9a51-4c57-8d2a-6f0f5f0e9b11";
    const headers = { authorization: `Bearer ${token}`, TrackingID: sent };
    const echoed = await get("/v1/people/nobody", { headers });
    expect(echoed.headers.get("trackingid")).to.equal(sent);
    expect(await echoed.json()).to.include({ trackingId: sent });
    const own = await get("/v1/people/me");
    expect(own.headers.get("trackingid")).to.match(/^ROUTER_[0-9A-F-]{36}$/);
    webex.fail({ kind: "status", status: 500, body: "webex" });
    expect(await (await get("/v1/people/me", { headers })).json()).to.include({ trackingId: sent });
  });

  it("fails with a status and HTML, no body, Webex's error body or JSON", async () => {
    webex.fail({ kind: "status", status: 502 });
    webex.fail({ kind: "status", status: 504, body: "empty" });
    webex.fail({ kind: "status", status: 500, body: "webex" });
    webex.fail({
      kind: "status",
      status: 400,
      body: { error: "slow_down" },
      headers: { "retry-after": "7" },
    });
    const html = await get();
    expect([
      html.status,
      html.headers.get("content-type"),
      (await html.text()).startsWith("<html>"),
    ]).to.deep.equal([502, "text/html", true]);
    const empty = await get();
    expect([empty.status, await empty.text()]).to.deep.equal([504, ""]);
    expect(await (await get()).json()).to.have.property("trackingId");
    const custom = await get();
    expect([await custom.json(), custom.headers.get("retry-after")]).to.deep.equal([
      { error: "slow_down" },
      "7",
    ]);
    expect((await get()).status).to.equal(200);
  });

  it("resets connections, truncates bodies, and hangs", async () => {
    webex.fail({ kind: "reset" });
    expect(await isRejected(get())).to.equal(true);
    webex.fail({ kind: "truncate" });
    expect(await isRejected(get())).to.equal(true);
    webex.fail({ kind: "hang" });
    expect(
      await isRejected(
        get(undefined, {
          headers: { authorization: `Bearer ${token}` },
          signal: AbortSignal.timeout(80),
        }),
      ),
    ).to.equal(true);
    expect((await get()).status).to.equal(200);
    expect(webex.requestsSince(0).map((request) => request.status)).to.deep.equal([
      null,
      200,
      null,
      200,
    ]);
  });

  it("links and redirects to another origin, which records its requests", async () => {
    webex.fail({ kind: "foreignLink" });
    const link = nextLink(await get());
    expect(new URL(link).origin).to.equal(webex.foreignUrl).and.not.equal(webex.url);
    webex.fail({ kind: "redirect" });
    const redirect = await get();
    expect([redirect.status, new URL(redirect.headers.get("location")!).origin]).to.deep.equal([
      302,
      webex.foreignUrl,
    ]);
    await get(link);
    expect(webex.foreignRequests).to.have.length(1);
    expect(webex.foreignRequests[0]).to.include({ bearer: true });
  });

  it("links in a loop", async () => {
    webex.fail({ kind: "linkLoop", times: null });
    const first = nextLink(await get());
    expect(nextLink(await get(first))).to.equal(first);
  });

  it("serves an empty page whose next link continues correctly", async () => {
    webex.fail({ kind: "emptyPage", skip: 1 });
    const first = await get();
    const empty = await get(nextLink(first));
    expect(((await empty.json()) as Page).items).to.deep.equal([]);
    const third = (await (await get(nextLink(empty))).json()) as { items: { id: string }[] };
    expect(third.items[0]!.id).to.equal(webex.people()[10]!.id);
  });

  it("serves oversize pages without a warning about listeners", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    try {
      webex.fail({ kind: "oversizePage", bytes: 30_000_000 });
      const body = await (await get()).text();
      expect(body.length).to.be.above(30_000_000);
      expect((JSON.parse(body) as Page).items).to.have.length(10);
    } finally {
      process.off("warning", onWarning);
    }
    expect(warnings).to.deep.equal([]);
  });

  it("stops in the middle of a body", async () => {
    webex.fail({ kind: "hangInBody" });
    const request = new AbortController();
    const response = await get("/v1/people?max=10", {
      headers: { authorization: `Bearer ${token}`, "accept-encoding": "identity" },
      signal: request.signal,
    });
    const length = Number(response.headers.get("content-length"));
    const reader = response.body!.getReader();
    let received = 0;
    while (received < Math.floor(length / 2)) {
      const { value } = (await reader.read()) as { value: Uint8Array };
      received += value.length;
    }
    expect(received).to.equal(Math.floor(length / 2));
    const rest = reader.read().then(
      () => "more",
      () => "aborted",
    );
    expect((await get()).status, "other requests").to.equal(200);
    request.abort();
    expect(await rest).to.equal("aborted");
  });

  it("leaves no listeners behind while it sends an oversize page", async () => {
    const warnings: string[] = [];
    const record = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", record);
    webex.fail({ kind: "oversizePage", bytes: 30_000_000 });
    await (await get()).arrayBuffer();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", record);
    expect(warnings).to.deep.equal([]);
  });

  it("delays responses", async () => {
    webex.set({ latencyMs: 40, latencyPerPersonMs: 5 });
    const start = performance.now();
    const response = await get();
    expect(performance.now() - start).to.be.above(85);
    expect(((await response.json()) as Page).items).to.have.length(10);
  });

  it("compresses responses for clients that accept it", async () => {
    const codingFor = async (accepted: string): Promise<string | null> => {
      const headers = { authorization: `Bearer ${token}`, "accept-encoding": accepted };
      const response = await get(undefined, { headers });
      expect(((await response.json()) as Page).items).to.have.length(10);
      return response.headers.get("content-encoding");
    };
    expect(await codingFor("gzip, br")).to.equal("gzip");
    expect(await codingFor("br")).to.equal(null);
    expect(await codingFor("identity")).to.equal(null);
    webex.set({ compression: "br" });
    expect(await codingFor("gzip, br;q=0.5")).to.equal("br");
    webex.set({ compression: "none" });
    expect(await codingFor("gzip, br")).to.equal(null);
  });

  it("sends codings that are unknown, cut off, or inflate to many times their size", async () => {
    webex.fail({ kind: "unknownCoding" });
    expect((await get()).headers.get("content-encoding")).to.equal("compress");
    webex.fail({ kind: "truncatedGzip" });
    const truncated = await get();
    expect(truncated.headers.get("content-encoding")).to.equal("gzip");
    // Clients differ: some reject such a body, others return what there is of it.
    const json = await truncated.json().catch(() => null);
    expect(json).to.equal(null);
    webex.fail({ kind: "gzipBomb", bytes: 3_000_000 });
    const bomb = await get();
    expect(Number(bomb.headers.get("content-length"))).to.be.below(100_000);
    const body = await bomb.text();
    expect(body.length).to.be.above(3_000_000);
    expect((JSON.parse(body) as Page).items).to.have.length(10);
  });

  it("sends bodies that are slow, cut off, or longer than they say", async () => {
    webex.fail({ kind: "truncatedJson" });
    const cutOff = await get();
    expect(await cutOff.json().catch(() => null)).to.equal(null);
    webex.set({ compression: "none" });
    const whole = Number((await get()).headers.get("content-length"));
    webex.fail({ kind: "shortLength" });
    const short = await get();
    expect(Number(short.headers.get("content-length"))).to.equal(Math.floor(whole / 2));
    await short.text().catch(() => "");
    webex.fail({ kind: "slowBody" });
    const slow = await get();
    const reader = slow.body?.getReader();
    expect((await reader?.read())?.value).to.have.length(1);
    await reader?.cancel();
  });

  it("logs requests without secrets", async () => {
    const mark = webex.mark();
    const next = webex.nextRequest({ path: "/v1/people/me" });
    await get();
    await get("/v1/people/me");
    expect(await next).to.include({
      method: "GET",
      status: 200,
      bearer: true,
      orgId: webex.organizations[0]!.id,
    });
    expect(webex.requestsSince(mark, { path: "/v1/people*" })).to.have.length(2);
    expect(webex.requestsSince(mark, { path: "/v1/people" })[0]?.query).to.deep.equal({
      max: "10",
    });
    expect(JSON.stringify(webex.requestsSince(0))).not.to.contain(token);
  });

  it("serves HTTPS with a given certificate", async () => {
    const { selfSigned: tls } = makeCertificates();
    const secure = new WebexSimulator({ organizations: [{ name: "Acme", persons: 300 }] });
    try {
      const { url, apiUrl } = await secure.start({ tls });
      const headers = { authorization: `Bearer ${secure.issueGrant().accessToken}` };
      const link = await new Promise((resolve, reject) => {
        httpsGet(`${apiUrl}/people`, { ca: tls.cert, headers }, (response) => {
          response.resume();
          resolve(response.headers.link);
        }).on("error", reject);
      });
      expect(url).to.match(/^https:/);
      expect(link).to.contain(`<${url}/v1/people`);
    } finally {
      await secure.stop();
    }
  });

  describe("control endpoints", () => {
    const control = async (
      method: string,
      path: string,
      body?: unknown,
    ): Promise<{ status: number; body: Record<string, unknown> }> => {
      const response = await fetch(`${webex.url}/simulator${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };

    it("change knobs, and reject unknown ones and invalid values", async () => {
      expect((await control("GET", "/knobs")).body).to.have.all.keys(
        ...Object.keys(KNOBS),
        "faults",
      );
      const updated = await control("PUT", "/knobs", {
        sharingOff: true,
        faults: [{ kind: "status", status: 500, times: 2 }],
      });
      expect(updated.body).to.include({ sharingOff: true });
      expect((await get()).status).to.equal(500);
      expect(webex.faults).to.deep.equal([{ kind: "status", status: 500, times: 1, skip: 0 }]);
      for (const invalid of [
        { nothing: 1 },
        { latencyMs: "1" },
        { latencyMs: -1 },
        { linkForm: "odd" },
        { faults: [{ kind: "odd" }] },
        { toString: 1 },
      ]) {
        expect((await control("PUT", "/knobs", invalid)).status, JSON.stringify(invalid)).to.equal(
          400,
        );
      }
      expect((await control("DELETE", "/faults")).body).to.deep.equal({ faults: [] });
      expect((await control("POST", "/faults", { kind: "reset" })).body.faults).to.have.length(1);
    });

    it("set presence, issue and end grants, register clients, and list requests", async () => {
      const email = webex.people()[2]!.emails[0]!;
      expect(
        (await control("POST", `/people/${encodeURIComponent(email)}`, { status: "meeting" })).body,
      ).to.include({
        status: "meeting",
      });
      expect(webex.person(email)?.status).to.equal("meeting");
      expect(
        (await control("POST", `/people/${webex.people()[2]!.id}`, { walk: true })).body,
      ).to.include({ pinned: false });
      expect(
        (await control("POST", "/people/nobody@acme.example", { status: "call" })).status,
      ).to.equal(404);
      expect((await control("POST", `/people/${email}`, {})).status).to.equal(400);
      const grant = (await control("POST", "/grants", { organization: 0, role: "user" })).body;
      token = grant.accessToken as string;
      expect((await get()).status).to.equal(400);
      await control("DELETE", "/grants?organization=0");
      expect((await get()).status).to.equal(401);
      const client = (await control("POST", "/clients", { redirectUris: ["http://localhost:9/x"] }))
        .body;
      expect(client).to.have.all.keys("clientId", "clientSecret", "redirectUris", "scopes");
      const log = (await control("GET", "/requests?path=/v1/people&status=401")).body;
      expect(log).to.include({ count: 1, total: 2 });
      expect((await control("GET", "")).body).to.have.property("organizations");
      expect((await control("GET", "/odd")).status).to.equal(404);
    });
  });
});
