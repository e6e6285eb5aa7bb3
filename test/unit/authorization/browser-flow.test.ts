import { expect } from "chai";

import { BrowserFlow } from "../../../src/authorization/browser-flow.js";
import type { FlowView } from "../../../src/authorization/flow.js";
import type { Fault } from "../../../src/faults/fault.js";
import type { LoopbackPage, LoopbackRequest } from "../../../src/ports/loopback-server.js";
import type { TokenAnswer } from "../../../src/webex/oauth-api.js";
import { FakeLoopback } from "../../contract/loopback-server.fake.js";
import { FakeClock, SeededChance } from "../../support/fake-clock.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { ANSWER, authorizationOf, CLIENT, FakeKeeper, FakeNotices, faultOf, ScriptedOAuth } from "./flow-fixtures.js";

const PORT = 8467;

describe("browser flow", () => {
  let clock: FakeClock;
  let chance: SeededChance;
  let oauth: ScriptedOAuth;
  let keeper: FakeKeeper;
  let notices: FakeNotices;
  let machine: FakeLoopback;
  let logger: RecordingLogger;
  let client: () => typeof CLIENT;
  let flow: BrowserFlow;
  let views: FlowView[];
  let seen: string;

  beforeEach(() => {
    clock = new FakeClock();
    chance = new SeededChance(7);
    oauth = new ScriptedOAuth();
    keeper = new FakeKeeper();
    notices = new FakeNotices();
    machine = new FakeLoopback();
    logger = new RecordingLogger();
    client = () => CLIENT;
    views = [];
    seen = "";
    const parts = { oauth: () => oauth, client: () => client(), keeper, notices, clock, chance, logger };
    flow = new BrowserFlow({ ...parts, listen: machine.listen, redirectPort: PORT });
    flow.onChanged((view) => views.push(view));
  });

  afterEach(async () => {
    await flow.stop();
    expect(machine.isListening(PORT)).to.equal(false);
    expect(clock.pendingTimers).to.equal(0);
    const verifiers = oauth.exchanges.map((one) => one.verifier);
    for (const secret of ["access-token-text", "refresh-token-text", "client-secret-text", "code-1-text", ...verifiers]) {
      expect(seen + logger.text + JSON.stringify(views)).not.to.contain(secret);
    }
  });

  const start = (): Promise<FlowView> => flow.start(new AbortController().signal);
  const visit = async (request: Partial<LoopbackRequest>): Promise<LoopbackPage> => {
    const page = await machine.visit(PORT, request);
    seen += page.body + JSON.stringify(page.headers);
    return page;
  };
  const get = (target: string): Promise<LoopbackPage> => visit({ target });
  const key = (): string => new URL(flow.view.url ?? "").searchParams.get("key") ?? "";
  const page = (): Promise<LoopbackPage> => get(`/?key=${key()}`);
  const state = async (): Promise<string> => stateOf((await page()).body);
  const depart = async (): Promise<string> => {
    const answer = await get(`/authorize?key=${key()}`);
    return new URL(answer.headers.location ?? "", "http://localhost").searchParams.get("state") ?? "";
  };
  const complete = (changes: Partial<LoopbackRequest> = {}): Promise<LoopbackPage> =>
    visit({
      method: "POST",
      target: "/complete",
      headers: { host: `localhost:${PORT}`, "content-type": "application/x-www-form-urlencoded" },
      body: `key=${key()}`,
      ...changes,
    });

  describe("begins", () => {
    it("with an address of this machine, a key in it, ten minutes, and a line in the log", async () => {
      const view = await start();
      expect(view.url).to.match(/^http:\/\/localhost:8467\/\?key=[\w-]{43}$/);
      expect(view).to.include({
        method: "browser",
        redirectUri: "http://localhost:8467/oauth/callback",
        expiresAt: "2026-01-01T00:10:00.000Z",
        state: "waiting",
        message: null,
        userCode: null,
      });
      expect(flow.open).to.equal(true);
      expect(logger.text).to.contain(view.url);
    });

    it("not without a client, and not on a port that is taken", async () => {
      client = () => {
        throw faultOf("clientNotConfigured");
      };
      expect(await codeOf(start())).to.equal("clientNotConfigured");
      expect(machine.isListening(PORT)).to.equal(false);
      client = () => CLIENT;
      const other = await machine.listen(PORT, () => Promise.reject(new Error()));
      const fault = await start().catch((thrown: unknown) => thrown as Fault);
      expect(fault).to.include({ code: "redirectPortInUse" });
      expect((fault as Fault).data).to.deep.equal({ port: PORT });
      await other.close();
    });

    it("not once called off, and leaves nothing listening", async () => {
      expect(await codeOf(flow.start(AbortSignal.abort()))).to.equal("cancelled");
    });

    it("also while the keychain cannot be listed", async () => {
      keeper.listFault = faultOf("keychainLocked");
      await start();
      expect(await state()).to.equal("required");
    });
  });

  describe("refuses", () => {
    beforeEach(start);

    const table: [string, () => Partial<LoopbackRequest>, number][] = [
      ["a missing key", () => ({ target: "/" }), 403],
      ["a wrong key", () => ({ target: `/?key=${key()}x` }), 403],
      ["an empty key", () => ({ target: "/?key=" }), 403],
      ["a wrong key at AUTHORIZE", () => ({ target: "/authorize?key=wrong" }), 403],
      ["a wrong key for events", () => ({ target: "/events?key=wrong" }), 403],
      ["a wrong key for the script", () => ({ target: "/page.js" }), 403],
      ["another host name", () => ({ target: `/?key=${key()}`, headers: { host: "evil.example" } }), 421],
      ["another host's port", () => ({ target: `/?key=${key()}`, headers: { host: "localhost:1" } }), 421],
      ["no host name", () => ({ target: `/?key=${key()}`, headers: {} }), 421],
      ["a host name that begins like ours", () => ({ headers: { host: `localhost:${PORT}.evil.example` } }), 421],
      ["an unknown path", () => ({ target: `/favicon.ico?key=${key()}` }), 404],
      ["a path of Object's own", () => ({ target: `constructor?key=${key()}` }), 404],
      ["a path with two slashes", () => ({ target: `//evil.example/?key=${key()}` }), 404],
      ["POST to the page", () => ({ method: "POST", target: `/?key=${key()}` }), 405],
      ["HEAD of AUTHORIZE", () => ({ method: "HEAD", target: `/authorize?key=${key()}` }), 405],
      ["GET of COMPLETE REQUEST", () => ({ target: `/complete?key=${key()}` }), 405],
      ["POST to the callback", () => ({ method: "POST", target: "/oauth/callback?code=1&state=2" }), 405],
    ];
    for (const [what, request, status] of table) {
      it(`${what} with ${status}`, async () => {
        const answer = await visit(request());
        expect(answer.status).to.equal(status);
        expect(answer.body).not.to.contain(key());
        expect(answer.headers["content-security-policy"]).to.contain("default-src 'none'");
        if (status === 405) expect(answer.headers.allow).to.match(/^(GET|POST)$/);
      });
    }

    it("nobody who comes by 127.0.0.1, [::1] or LOCALHOST", async () => {
      for (const host of [`127.0.0.1:${PORT}`, `[::1]:${PORT}`, `LOCALHOST:${PORT}`]) {
        expect((await visit({ target: `/?key=${key()}`, headers: { host } })).status).to.equal(200);
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
      it(`a callback with ${what}, and asks Webex nothing`, async () => {
        const s = await depart();
        expect((await get(`/oauth/callback?${query(s)}`)).status).to.equal(400);
        expect(oauth.exchanges).to.deep.equal([]);
        expect(await state()).to.equal("waiting");
      });
    }

    it("a callback before anybody pressed AUTHORIZE", async () => {
      expect((await get("/oauth/callback?code=code-1-text&state=x")).status).to.equal(400);
    });

    it("a code used twice, by its state and by itself", async () => {
      oauth.exchangeAnswers.push(ANSWER);
      const first = await depart();
      const second = await depart();
      expect((await get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(303);
      expect((await get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(400);
      expect((await get(`/oauth/callback?code=code-1-text&state=${second}`)).status).to.equal(400);
      expect(oauth.exchanges).to.have.length(1);
    });

    it("COMPLETE REQUEST before an authorization is there, and with a wrong key, type or origin", async () => {
      expect((await complete()).status).to.equal(409);
      keeper.authorizations = [authorizationOf("Acme")];
      const host = `localhost:${PORT}`;
      const form = { host, "content-type": "application/x-www-form-urlencoded" };
      const refusals: [Partial<LoopbackRequest>, number][] = [
        [{ body: "key=wrong" }, 403],
        [{ body: "" }, 403],
        [{ target: `/complete?key=${key()}`, body: "" }, 403],
        [{ headers: { ...form, "content-type": "text/plain" } }, 415],
        [{ headers: { ...form, origin: "https://evil.example" } }, 403],
        [{ headers: { ...form, origin: "http://localhost:9999" } }, 403],
        [{ headers: { ...form, origin: "null" } }, 403],
        [{ headers: { ...form, origin: "null", "sec-fetch-site": "cross-site" } }, 403],
        [{ headers: { ...form, "sec-fetch-site": "same-site" } }, 403],
        [{ headers: { ...form, origin: `http://${host}`, "sec-fetch-site": "cross-site" } }, 403],
      ];
      for (const [request, status] of refusals) {
        expect((await complete(request)).status, JSON.stringify(request)).to.equal(status);
      }
      expect(flow.open).to.equal(true);
    });

    it("nobody's own form: with an origin, with none, and with a null one that the browser vouches for", async () => {
      const form = { host: `localhost:${PORT}`, "content-type": "application/x-www-form-urlencoded" };
      const own = [
        form,
        { ...form, origin: `http://localhost:${PORT}`, "sec-fetch-site": "same-origin" },
        { ...form, origin: "null", "sec-fetch-site": "same-origin" },
      ];
      for (const headers of own) expect((await complete({ headers })).status).to.equal(409);
    });
  });

  describe("goes to Webex and back", () => {
    beforeEach(start);

    it("with a fresh state and verifier each time, the two scopes and the redirect URI", async () => {
      const answer = await get(`/authorize?key=${key()}`);
      expect(answer.status).to.equal(302);
      await depart();
      const [one, two] = oauth.authorizeRequests;
      expect(one).to.include({
        clientId: CLIENT.clientId,
        redirectUri: "http://localhost:8467/oauth/callback",
        scope: "spark-admin:people_read spark-admin:organizations_read",
      });
      expect(one?.state)
        .to.match(/^[\w-]{43}$/)
        .and.not.equal(two?.state);
      expect(one?.codeChallenge)
        .to.match(/^[\w-]{43}$/)
        .and.not.equal(two?.codeChallenge);
      expect(await state()).to.equal("waiting");
      expect((await page()).body)
        .to.contain("Control Hub")
        .and.to.contain(CLIENT.clientId);
    });

    it("proves the code with the verifier of its own state (PKCE), keeps the grant and shows it", async () => {
      oauth.exchangeAnswers.push(ANSWER);
      const state1 = await depart();
      await depart();
      const answer = await get(`/oauth/callback?code=code-1-text&state=${state1}`);
      expect(answer).to.include({ status: 303 });
      expect(answer.headers.location).to.equal(`/?key=${key()}`);
      const [exchange] = oauth.exchanges;
      expect(exchange).to.include({ code: "code-1-text", redirectUri: "http://localhost:8467/oauth/callback" });
      expect(chance.sha256(exchange?.verifier ?? "")).to.equal(oauth.authorizeRequests[0]?.codeChallenge);
      expect(keeper.completed).to.equal(1);
      const { body } = await page();
      expect(stateOf(body)).to.equal("authorized");
      expect(body).to.contain("Acme").and.to.contain("Ada Admin").and.to.contain("31 March 2026");
      expect(flow.view).to.include({ state: "waiting", message: null });
      expect(flow.open).to.equal(true);
    });

    it("keeps the grant although the reader has gone, and until the deadline's own exchange is over", async () => {
      let give: (answer: TokenAnswer) => void = () => undefined;
      oauth.exchangeAnswers.push(new Promise<TokenAnswer>((resolve) => (give = resolve)));
      const callback = get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
      await clock.advance(1);
      expect(await state()).to.equal("waiting");
      await clock.advance(600_000);
      expect(flow.open).to.equal(true);
      give(ANSWER);
      expect((await callback).status).to.equal(303);
      await clock.advance(0);
      expect(flow.view.state).to.equal("authorized");
      expect(keeper.completed).to.equal(1);
    });

    it("shows a refusal of Webex as text, and may be tried again", async () => {
      const said = encodeURIComponent('<b>no</b>\u0007\u202e & "never"' + "x".repeat(400));
      const callback = `/oauth/callback?error=access_denied&error_description=${said}&state=${await depart()}`;
      expect((await get(callback)).status).to.equal(303);
      const { body } = await page();
      expect(stateOf(body)).to.equal("denied");
      expect(body).to.contain("&lt;b&gt;no&lt;/b&gt; &amp; &quot;never&quot;xxx");
      expect(body)
        .not.to.match(/\p{Cf}|[^\P{Cc}\n]/u)
        .and.not.to.contain("x".repeat(290));
      expect(flow.view.state).to.equal("denied");
      expect(flow.view.message).to.contain("Declined").and.not.to.contain("never");
      expect(flow.open).to.equal(true);
      oauth.exchangeAnswers.push(ANSWER);
      const again = await depart();
      expect(flow.view).to.include({ state: "waiting", message: null });
      await get(`/oauth/callback?code=code-2&state=${again}`);
      expect(await state()).to.equal("authorized");
    });

    for (const [error, word] of [
      ["invalid_scope", "scope"],
      ["server_error", "problem of its own"],
      ["temporarily_unavailable", "problem of its own"],
      ["something<else>", "Webex refused"],
    ] as const) {
      it(`calls ${error} failed`, async () => {
        await get(`/oauth/callback?error=${encodeURIComponent(error)}&state=${await depart()}`);
        expect(await state()).to.equal("failed");
        expect(flow.view.state).to.equal("failed");
        expect(flow.view.message).to.contain(word);
        expect(logger.text).not.to.contain("something");
      });
    }

    for (const code of ["grantRefused", "webexUnreachable", "webexError", "rateLimited"] as const) {
      it(`calls an exchange that ends with ${code} failed, and says what to do`, async () => {
        oauth.exchangeAnswers.push(faultOf(code));
        await get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
        const { body } = await page();
        expect(stateOf(body)).to.equal("failed");
        expect(body).to.contain(`What ${code} means. Do something about it. Then press AUTHORIZE again.`);
      });
    }

    it("does not show the text of a defect", async () => {
      oauth.exchangeAnswers.push(Promise.reject(new Error("code-1-text in a foreign message")));
      await get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
      expect(await state()).to.equal("failed");
    });

    it("keeps a grant in hand while the keychain is locked, says so, and stores it when it can", async () => {
      keeper.troubles.push(faultOf("keychainLocked"), faultOf("keychainLocked"));
      oauth.exchangeAnswers.push(ANSWER);
      expect((await get(`/oauth/callback?code=code-1-text&state=${await depart()}`)).status).to.equal(303);
      expect((await page()).body)
        .to.contain("The keychain is locked")
        .and.to.contain("tries again by itself");
      expect(flow.view.state).to.equal("failed");
      await clock.advance(20_000);
      expect(await state()).to.equal("authorized");
      expect(flow.view.state).to.equal("waiting");
    });

    it("says that an account may not authorize", async () => {
      keeper.troubles.push(faultOf("forbidden"));
      oauth.exchangeAnswers.push(ANSWER);
      await get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
      expect((await page()).body).to.contain("This account may not authorize");
      expect(keeper.completed).to.equal(0);
    });

    it("warns when a grant lacks a scope, and lets the person complete all the same", async () => {
      keeper.next.push(authorizationOf("Acme", { scopes: ["spark-admin:organizations_read"] }));
      oauth.exchangeAnswers.push(ANSWER);
      await get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
      expect((await page()).body)
        .to.contain("a scope is missing")
        .and.to.contain("without spark-admin:people_read");
      expect((await complete()).status).to.equal(200);
    });

    it("goes back to the page when the integration is not configured any more", async () => {
      client = () => {
        throw faultOf("clientNotConfigured");
      };
      const answer = await get(`/authorize?key=${key()}`);
      expect(answer).to.include({ status: 303 });
      expect(await state()).to.equal("failed");
    });

    it("forgets the oldest of too many visits", async () => {
      const first = await depart();
      for (let i = 0; i < 32; i += 1) await depart();
      expect((await get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(400);
    });
  });

  describe("the page", () => {
    it("is guarded by its headers, and each answer has its own nonce", async () => {
      await start();
      const [one, two] = [await page(), await page()];
      expect(one.headers).to.include({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
      const csp = one.headers["content-security-policy"] ?? "";
      expect(csp).to.match(/^default-src 'none'; script-src 'self'; style-src 'nonce-[\w-]{22}'; connect-src 'self';/);
      expect(csp).to.contain("form-action 'self'").and.to.contain("frame-ancestors 'none'");
      expect(csp).not.to.equal(two.headers["content-security-policy"]);
      const nonce = /nonce-([\w-]+)/.exec(csp)?.[1] ?? "";
      expect(one.body).to.contain(`<style nonce="${nonce}">`);
    });

    it("shows one row an organization, those that need it again with AUTHORIZE, one AUTHORIZE in all", async () => {
      keeper.authorizations = [authorizationOf("Acme & <Sons>"), authorizationOf("Beta", { state: "required" })];
      await start();
      const { body } = await page();
      expect(body.match(/<li class="row">/g)).to.have.length(2);
      expect(body.match(/data-testid="authorize"/g)).to.have.length(1);
      expect(body).to.contain("Acme &amp; &lt;Sons&gt;").and.to.contain("Needs authorization");
    });

    it("tells of problems as they come and go, live, escaped, and of none that only distracts", async () => {
      keeper.authorizations = [authorizationOf("Acme")];
      await start();
      const stream = await machine.open(PORT, `/events?key=${key()}`);
      notices.tell(
        { code: "statusSharingOff", severity: "error", message: "Off <now>.", hint: "Switch it on.", orgId: "org-Acme" },
        { code: "authorizationRequired", severity: "error", message: "Untold one.", hint: "", orgId: null },
        { code: "memorySecretStore", severity: "info", message: "Untold two.", hint: "", orgId: null },
      );
      expect(stream.received).to.have.length(2);
      expect(stream.received[1])
        .to.contain("Acme: Off &lt;now&gt;.")
        .and.to.contain("Switch it on.")
        .and.not.to.contain("Untold");
      notices.tell();
      expect(stream.received[2]).not.to.contain("Switch it on.");
      expect(views).to.deep.equal([]);
    });

    it("follows what another way of authorizing has brought", async () => {
      await start();
      const stream = await machine.open(PORT, `/events?key=${key()}`);
      await keeper.completeGrant(ANSWER);
      await clock.advance(0);
      expect(stateOf(stream.received.at(-1) ?? "")).to.equal("authorized");
    });

    it("says how long it stays", async () => {
      await start();
      await clock.advance(90_000);
      expect((await page()).body)
        .to.contain('data-remaining="510"')
        .and.to.contain("8:30");
    });
  });

  describe("ends", () => {
    const authorize = async (): Promise<void> => {
      oauth.exchangeAnswers.push(ANSWER);
      await get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
    };

    it("with COMPLETE REQUEST: a last page, the last word to each window, and the port free", async () => {
      await start();
      await authorize();
      const stream = await machine.open(PORT, `/events?key=${key()}`);
      const last = await complete();
      expect(last.status).to.equal(200);
      expect(stateOf(last.body)).to.equal("authorized");
      expect(last.body).to.contain("Presence starts now").and.not.to.contain("<script").and.not.to.contain("/authorize");
      expect(flow.view).to.include({ state: "authorized", message: "Acme: authorized." });
      expect(flow.open).to.equal(false);
      expect(stream.ended).to.equal(true);
      expect(machine.isListening(PORT)).to.equal(false);
      expect(views.map((view) => view.state)).to.deep.equal(["authorized"]);
    });

    it("at its deadline: expired without an authorization, authorized with one", async () => {
      await start();
      const stream = await machine.open(PORT, `/events?key=${key()}`);
      await clock.advance(599_999);
      expect(flow.open).to.equal(true);
      await clock.advance(1);
      expect(flow.view.state).to.equal("expired");
      expect(machine.isListening(PORT)).to.equal(false);
      expect(stateOf(stream.received.at(-1) ?? "")).to.equal("expired");
    });

    it("at its deadline as authorized, when an authorization came", async () => {
      await start();
      await authorize();
      await clock.advance(600_000);
      expect(flow.view.state).to.equal("authorized");
    });

    it("when called off, once", async () => {
      await start();
      const stream = await machine.open(PORT, `/events?key=${key()}`);
      await Promise.all([flow.stop(), flow.stop()]);
      expect(views.map((view) => view.state)).to.deep.equal(["cancelled"]);
      expect(stream.received.at(-1)).to.contain("This page is closed");
      await clock.advance(600_000);
      expect(views).to.have.length(1);
    });

    it("without keeping what Webex answers after that", async () => {
      await start();
      let give: (answer: TokenAnswer) => void = () => undefined;
      oauth.exchangeAnswers.push(new Promise<TokenAnswer>((resolve) => (give = resolve)));
      const callback = get(`/oauth/callback?code=code-1-text&state=${await depart()}`);
      await clock.advance(1);
      await flow.stop();
      give(ANSWER);
      await callback;
      expect(keeper.completed).to.equal(0);
      expect(flow.view.state).to.equal("cancelled");
    });
  });
});

function stateOf(body: string): string {
  return /data-testid="state"[^>]*data-state="(\w+)"/.exec(body)?.[1] ?? "none";
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "nothing";
  } catch (thrown) {
    return (thrown as Fault).code;
  }
}
