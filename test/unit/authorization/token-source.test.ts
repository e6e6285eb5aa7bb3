import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import type { Grant } from "../../../src/authorization/grant.js";
import { grantAccount } from "../../../src/authorization/vault-records.js";
import type { TokenAnswer } from "../../../src/webex/oauth-api.js";
import { settle } from "../../support/fake-clock.js";
import { answerOf, Bench, client, DAY, faultOf, grantOf, locked, never, orgA, refused } from "./fixtures.js";

const HOUR = 3_600_000;
const busy = (): Fault => new Fault("webexError", "503", { status: 503 });

describe("token source", () => {
  let bench: Bench;
  const start = async (changes: Partial<Grant> = {}, b: Bench = bench) => {
    await b.vault.setClient(client);
    await b.vault.storeGrant(grantOf(orgA, "1", b.clock.now(), changes));
    return b.tokens(orgA);
  };
  const storedText = async (): Promise<string> => (await bench.store.inner.get(grantAccount(orgA))) ?? "";
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(async () => {
    await bench.vault.stop();
    expect(bench.logger.text).not.to.include("SECRET-");
  });

  it("gives the stored token without asking Webex", async () => {
    const tokens = await start();
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
    expect(bench.oauth.refreshedWith).to.deep.equal([]);
  });

  it("refreshes once for all who were rejected at the same time", async () => {
    const tokens = await start();
    bench.oauth.outcomes.push(answerOf("2"));
    const rejected = new Secret("SECRET-access-1");
    const given = await Promise.all([
      tokens.replace(rejected, never),
      tokens.replace(rejected, never),
      tokens.token(never),
      tokens.replace(rejected, never),
    ]);
    expect(given.map((s) => s.reveal())).to.deep.equal(Array(4).fill("SECRET-access-2"));
    expect(bench.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    expect((await tokens.replace(rejected, never)).reveal()).to.equal("SECRET-access-2");
  });

  it("stores the new tokens before they are used: a crash right after loses nothing", async () => {
    const tokens = await start();
    bench.oauth.outcomes.push(answerOf("2"));
    let open: () => void = () => undefined;
    bench.store.gate = new Promise((resolve) => (open = resolve));
    let given: Secret | null = null;
    const replacing = tokens.replace(new Secret("SECRET-access-1"), never).then((secret) => (given = secret));
    await settle();
    expect(bench.store.log.at(-1)).to.equal(`set ${grantAccount(orgA)}`);
    expect(given).to.equal(null);
    open();
    const token = await replacing;
    expect(await storedText())
      .to.include(token.reveal())
      .and.to.include("SECRET-refresh-2");
    const next = await bench.other();
    expect((await next.tokens(orgA).token(never)).reveal()).to.equal("SECRET-access-2");
  });

  it("renews ahead of expiry without holding up the request", async () => {
    const tokens = await start();
    await tokens.token(never);
    await bench.clock.advance(14 * DAY - 2 * HOUR);
    await tokens.token(never);
    await settle();
    expect(bench.oauth.refreshedWith).to.deep.equal([]);
    await bench.clock.advance(1.5 * HOUR);
    bench.oauth.outcomes.push(answerOf("2"));
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
    await settle();
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
    expect(bench.oauth.refreshedWith).to.have.length(1);
  });

  it("takes the same token again for success, and does not ask in a loop", async () => {
    const tokens = await start({ accessTokenExpiresAt: bench.clock.now() + 10 * HOUR });
    await tokens.token(never);
    await bench.clock.advance(9.5 * HOUR);
    for (let i = 0; i < 100; i += 1) {
      void bench.oauth.outcomes.splice(0, Infinity, answerOf("1", { expiresInSeconds: 1_800 - i, refreshToken: null }));
      expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
      await bench.clock.advance(1_000);
    }
    expect(bench.oauth.refreshedWith).to.have.length(1);
  });

  it("keeps the refresh token and the scopes that Webex does not say again, and an unknown expiry means until 401", async () => {
    const tokens = await start();
    const lean = { expiresInSeconds: null, refreshToken: null, refreshTokenExpiresInSeconds: null, scopes: null };
    bench.oauth.outcomes.push(answerOf("2", lean));
    await tokens.replace(new Secret("SECRET-access-1"), never);
    expect(JSON.parse(await storedText())).to.include({ refreshToken: "SECRET-refresh-1", accessTokenExpiresAt: null });
    await bench.clock.advance(60 * DAY);
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
    expect(bench.oauth.refreshedWith).to.have.length(1);
  });

  it("refreshes in the foreground when the token is over", async () => {
    const tokens = await start();
    await bench.clock.advance(15 * DAY);
    bench.oauth.outcomes.push(answerOf("2"));
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
  });

  it("uses what another process refreshed first", async () => {
    const tokens = await start();
    const other = await bench.other();
    other.oauth.outcomes.push(answerOf("2"));
    await other.tokens(orgA).replace(new Secret("SECRET-access-1"), never);
    expect((await tokens.replace(new Secret("SECRET-access-1"), never)).reveal()).to.equal("SECRET-access-2");
    expect(bench.oauth.refreshedWith).to.deep.equal([]);
  });

  it("tries once more with the keychain's newer refresh token when the one it knew is refused", async () => {
    const tokens = await start();
    const other = await bench.other();
    // The other process writes while ours is at Webex.
    bench.oauth.outcomes.push(
      (async (): Promise<TokenAnswer> => {
        await settle();
        const newer = grantOf(orgA, "2", bench.clock.now(), { accessTokenExpiresAt: bench.clock.now() - 1 });
        await other.vault.storeGrant(newer);
        throw refused();
      })(),
      answerOf("3"),
    );
    expect((await tokens.replace(new Secret("SECRET-access-1"), never)).reveal()).to.equal("SECRET-access-3");
    expect(bench.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1", "SECRET-refresh-2"]);
  });

  it("dead grant: says so, keeps the tokens, asks again only once an hour", async () => {
    const tokens = await start();
    const changed: string[] = [];
    bench.refusals.events.on("refusalChanged", (orgId) => changed.push(orgId));
    bench.oauth.outcomes.push(refused());
    expect((await faultOf(tokens.replace(new Secret("SECRET-access-1"), never))).code).to.equal("grantRefused");
    for (let i = 0; i < 5; i += 1) expect((await faultOf(tokens.token(never))).code).to.equal("grantRefused");
    expect(bench.oauth.refreshedWith).to.have.length(1);
    expect(await storedText()).to.include("SECRET-refresh-1");
    expect(changed).to.deep.equal([orgA]);
    await bench.clock.advance(HOUR);
    bench.oauth.outcomes.push(answerOf("2"));
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
    expect(changed).to.deep.equal([orgA, orgA]);
  });

  it("dead grant: another process's authorization, or another client secret, revives it", async () => {
    const tokens = await start();
    await bench.vault.start();
    bench.oauth.outcomes.push(refused(401));
    await faultOf(tokens.replace(new Secret("SECRET-access-1"), never));
    await (await bench.other()).vault.storeGrant(grantOf(orgA, "2", bench.clock.now()));
    await bench.clock.advance(60_000);
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
    bench.oauth.outcomes.push(refused(401), answerOf("3"));
    await faultOf(tokens.replace(new Secret("SECRET-access-2"), never));
    await bench.vault.setClient({ ...client, clientSecret: new Secret("SECRET-new-client") });
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-3");
  });

  it("a refusal ahead of expiry does not cost the token that still works", async () => {
    const tokens = await start();
    await tokens.token(never);
    await bench.clock.advance(14 * DAY - 0.5 * HOUR);
    bench.oauth.outcomes.push(refused());
    for (let i = 0; i < 5; i += 1) {
      expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
      await bench.clock.advance(60_000);
    }
    expect(bench.oauth.refreshedWith).to.have.length(1);
    await bench.clock.advance(HOUR);
    bench.oauth.outcomes.push(refused());
    expect((await faultOf(tokens.token(never))).code).to.equal("grantRefused");
  });

  it("a passing fault never costs the grant", async () => {
    const tokens = await start();
    for (const fault of [busy(), new Fault("rateLimited", "429"), new Fault("webexUnreachable", "DNS")]) {
      bench.oauth.outcomes.push(fault);
      expect((await faultOf(tokens.replace(new Secret("SECRET-access-1"), never))).code).to.equal(fault.code);
    }
    bench.oauth.outcomes.push(answerOf("2"));
    // The token that Webex rejected is not given out again meanwhile.
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
  });

  it("ahead of expiry a passing fault is tried again later, not at every request", async () => {
    const tokens = await start();
    await tokens.token(never);
    await bench.clock.advance(14 * DAY - 0.5 * HOUR);
    bench.oauth.outcomes.push(busy());
    for (let i = 0; i < 10; i += 1) {
      await tokens.token(never);
      await bench.clock.advance(1_000);
    }
    expect(bench.oauth.refreshedWith).to.have.length(1);
    bench.oauth.outcomes.push(answerOf("2"));
    await bench.clock.advance(60_000);
    await tokens.token(never);
    await settle();
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
  });

  it("ahead of expiry is tried again at once on a new way to Webex, unless Webex asked to wait", async () => {
    const tokens = await start();
    await tokens.token(never);
    await bench.clock.advance(14 * DAY - 0.5 * HOUR);
    const tries = async (): Promise<number> => {
      await tokens.token(never);
      await settle();
      return bench.oauth.refreshedWith.length;
    };
    bench.oauth.outcomes.push(new Fault("webexUnreachable", "No way."));
    expect([await tries(), await tries()]).to.deep.equal([1, 1]);
    tokens.wayChanged();
    bench.oauth.outcomes.push(new Fault("rateLimited", "Later.", { retryAfterMs: 120_000 }));
    expect(await tries()).to.equal(2);
    tokens.wayChanged();
    expect(await tries()).to.equal(2);
  });

  it("keychain locked while storing: the old token serves while it works, nothing is lost", async () => {
    const tokens = await start({ accessTokenExpiresAt: bench.clock.now() + 2 * HOUR });
    await bench.vault.start();
    await tokens.token(never);
    await bench.clock.advance(1.9 * HOUR);
    bench.store.writesFail = true;
    bench.oauth.outcomes.push(answerOf("2"));
    for (let i = 0; i < 5; i += 1) {
      expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
      await bench.clock.advance(10_000);
    }
    expect(bench.oauth.refreshedWith).to.have.length(1);
    expect(await storedText()).to.include("SECRET-refresh-1");
    bench.store.writesFail = false;
    await bench.clock.advance(10_000);
    expect(await storedText()).to.include("SECRET-refresh-2");
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
  });

  it("keychain locked while storing, old token over: the held one serves, and is the one refreshed", async () => {
    const tokens = await start();
    bench.store.writesFail = true;
    bench.oauth.outcomes.push(answerOf("2"), answerOf("3"));
    expect((await tokens.replace(new Secret("SECRET-access-1"), never)).reveal()).to.equal("SECRET-access-2");
    expect((await tokens.replace(new Secret("SECRET-access-2"), never)).reveal()).to.equal("SECRET-access-3");
    expect(bench.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1", "SECRET-refresh-2"]);
    bench.store.writesFail = false;
    await bench.vault.reload();
    expect(await storedText()).to.include("SECRET-refresh-3");
  });

  it("keychain out of reach: the token in memory goes on being used", async () => {
    const tokens = await start();
    bench.store.fault = locked();
    await faultOf(bench.vault.reload());
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
  });

  it("renews a refresh token 14 days before it would expire unused, and only warns when that fails", async () => {
    const tokens = await start({ accessTokenExpiresAt: null });
    await bench.clock.advance(75 * DAY);
    await tokens.token(never);
    await settle();
    expect(bench.oauth.refreshedWith).to.have.length(0);
    await bench.clock.advance(2 * DAY);
    bench.oauth.outcomes.push(busy());
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
    await settle();
    expect(bench.oauth.refreshedWith).to.have.length(1);
    expect(bench.logger.records.filter((r) => r.level === "warn")).to.have.length(1);
    await bench.clock.advance(60_000);
    bench.oauth.outcomes.push(answerOf("2"));
    await tokens.token(never);
    await settle();
    expect(await storedText()).to.include("SECRET-refresh-2");
  });

  it("uses no grant given for another client or another API origin, and sends nothing of it", async () => {
    const tokens = await start();
    bench.settings = { ...bench.settings, apiUrl: "https://other.example/v1" };
    expect((await faultOf(tokens.token(never))).code).to.equal("authorizationRequired");
    expect((await faultOf(tokens.replace(new Secret("x"), never))).code).to.equal("authorizationRequired");
    bench.settings = { ...bench.settings, apiUrl: "https://webexapis.com/v9" };
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
    await bench.vault.setClient({ ...client, clientId: "client-2" });
    expect((await faultOf(tokens.token(never))).code).to.equal("authorizationRequired");
    expect(bench.oauth.refreshedWith).to.deep.equal([]);
  });

  it("needs the secret of the client id in force", async () => {
    const tokens = await start();
    bench.settings = { ...bench.settings, clientId: "client-9" };
    expect((await faultOf(tokens.token(never))).code).to.equal("clientNotConfigured");
    bench.settings = { ...bench.settings, clientId: "client-1" };
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
    await bench.store.inner.delete("client");
    await bench.vault.reload();
    expect((await faultOf(tokens.token(never))).code).to.equal("clientNotConfigured");
  });

  it("without a grant a person has to authorize", async () => {
    await bench.vault.setClient(client);
    expect((await faultOf(bench.tokens(orgA).token(never))).code).to.equal("authorizationRequired");
  });

  it("gives a rejected token that Webex vouches for another chance, and does not ask at every request", async () => {
    const tokens = await start();
    const rejected = new Secret("SECRET-access-1");
    bench.oauth.outcomes.push(answerOf("1"));
    expect((await tokens.replace(rejected, never)).reveal()).to.equal("SECRET-access-1");
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-1");
    for (let i = 0; i < 5; i += 1) expect((await faultOf(tokens.replace(rejected, never))).code).to.equal("unauthorized");
    expect(bench.oauth.refreshedWith).to.have.length(1);
    await bench.clock.advance(60_000);
    bench.oauth.outcomes.push(answerOf("2"));
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
  });

  it("cancelling leaves at once, and ends the request half a second after nobody waits for it any more", async () => {
    const tokens = await start();
    bench.oauth.outcomes.push(new Promise(() => undefined));
    const [one, two] = [new AbortController(), new AbortController()];
    const first = faultOf(tokens.replace(new Secret("SECRET-access-1"), one.signal));
    const second = faultOf(tokens.replace(new Secret("SECRET-access-1"), two.signal));
    await settle();
    one.abort();
    expect((await first).code).to.equal("cancelled");
    expect(bench.oauth.signals[0]?.aborted).to.equal(false);
    two.abort();
    expect((await second).code).to.equal("cancelled");
    await bench.clock.advance(499);
    expect(bench.oauth.signals[0]?.aborted).to.equal(false);
    await bench.clock.advance(1);
    expect(bench.oauth.signals[0]?.aborted).to.equal(true);
    bench.oauth.outcomes.push(answerOf("2"));
    expect((await tokens.token(never)).reveal()).to.equal("SECRET-access-2");
  });

  describe("turned away from in the middle of a refresh", () => {
    const rejected = new Secret("SECRET-access-1");
    /** Leaves while Webex has the refresh token; gives what answers it. */
    const left = async () => {
      const tokens = await start();
      const caller = new AbortController();
      let answer: (a: TokenAnswer | Promise<never>) => void = () => undefined;
      bench.oauth.outcomes.push(new Promise((resolve) => (answer = resolve)));
      const asked = faultOf(tokens.replace(rejected, caller.signal));
      await settle();
      caller.abort();
      expect((await asked).code).to.equal("cancelled");
      return { tokens, answer };
    };

    it("stores what Webex gives within half a second, and is settled only then", async () => {
      const { tokens, answer } = await left();
      let settled = false;
      const settling = tokens.settled().then(() => (settled = true));
      await bench.clock.advance(450);
      expect(bench.oauth.signals[0]?.aborted).to.equal(false);
      expect(settled).to.equal(false);
      answer(answerOf("2"));
      await settling;
      expect(await storedText()).to.include("SECRET-refresh-2");
      expect(bench.clock.pendingTimers).to.equal(0);
    });

    it("does not send that refresh token again meanwhile: who comes back gets what it gave", async () => {
      const { tokens, answer } = await left();
      const again = tokens.replace(rejected, never);
      const impatient = new AbortController();
      const gone = faultOf(tokens.replace(rejected, impatient.signal));
      await settle();
      impatient.abort();
      expect((await gone).code).to.equal("cancelled");
      answer(answerOf("2"));
      expect((await again).reveal()).to.equal("SECRET-access-2");
      expect(bench.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    });

    it("asks anew for who came back, when nothing has come", async () => {
      const { tokens } = await left();
      const again = tokens.replace(rejected, never);
      await settle();
      bench.oauth.outcomes.push(answerOf("2"));
      expect((await bench.clock.until(again)).reveal()).to.equal("SECRET-access-2");
      expect(bench.oauth.refreshedWith).to.have.length(2);
    });

    it("sends nothing more after a refusal, though the keychain holds a newer refresh token", async () => {
      const { answer } = await left();
      const over = { accessTokenExpiresAt: bench.clock.now() - 1 };
      await (await bench.other()).vault.storeGrant(grantOf(orgA, "2", bench.clock.now(), over));
      answer(Promise.reject(refused()));
      await bench.clock.advance(1_000);
      expect(bench.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    });

    it("sends nothing when the keychain was still being read", async () => {
      const tokens = await start();
      const caller = new AbortController();
      const asked = faultOf(tokens.replace(rejected, caller.signal));
      caller.abort();
      expect((await asked).code).to.equal("cancelled");
      await bench.clock.advance(1_000);
      expect(bench.oauth.refreshedWith).to.deep.equal([]);
    });
  });

  it("a renewal ahead of time outlives the request that it was begun at, and can be called off", async () => {
    const tokens = await start();
    await tokens.token(never);
    await bench.clock.advance(14 * DAY - 0.5 * HOUR);
    const request = new AbortController();
    bench.oauth.outcomes.push(new Promise(() => undefined));
    await tokens.token(request.signal);
    await settle();
    request.abort();
    await bench.clock.advance(5_000);
    expect(bench.oauth.signals[0]?.aborted).to.equal(false);
    tokens.callOff();
    await bench.clock.until(tokens.settled(), 500);
    expect(bench.oauth.signals[0]?.aborted).to.equal(true);
    expect(bench.logger.records.filter((r) => r.level === "warn")).to.deep.equal([]);
  });
});
