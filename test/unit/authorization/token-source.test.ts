import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import type { Grant } from "../../../src/authorization/grant.js";
import { grantAccount } from "../../../src/authorization/keychain-records.js";
import type { TokenResponse } from "../../../src/webex/oauth.js";
import { settle } from "../../support/clock-fake.js";
import {
  tokenResponseOf,
  AuthorizationHarness,
  client,
  DAY,
  faultOf,
  grantOf,
  keychainLockedFault,
  neverAborted,
  orgA,
  grantRefusedFault,
} from "../../support/authorization-fixture.js";

const HOUR = 3_600_000;
const busy = (): Fault => new Fault("webexError", "503", { status: 503 });

describe("token source", () => {
  let harness: AuthorizationHarness;
  const start = async (changes: Partial<Grant> = {}, b: AuthorizationHarness = harness) => {
    await b.grantStore.setClient(client);
    await b.grantStore.storeGrant(grantOf(orgA, "1", b.clock.now(), changes));
    return b.tokenSource(orgA);
  };
  const storedText = async (): Promise<string> =>
    (await harness.store.inner.get(grantAccount(orgA))) ?? "";
  beforeEach(() => {
    harness = new AuthorizationHarness();
  });
  afterEach(async () => {
    await harness.grantStore.stop();
    expect(harness.logger.text).not.to.include("SECRET-");
  });

  it("gives the stored token without asking Webex", async () => {
    const tokens = await start();
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    expect(harness.oauth.refreshedWith).to.deep.equal([]);
  });

  it("refreshes once for all who were rejected at the same time", async () => {
    const tokens = await start();
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    const rejected = new Secret("SECRET-access-1");
    const grant = await Promise.all([
      tokens.replace(rejected, neverAborted),
      tokens.replace(rejected, neverAborted),
      tokens.getToken(neverAborted),
      tokens.replace(rejected, neverAborted),
    ]);
    expect(grant.map((s) => s.reveal())).to.deep.equal(Array(4).fill("SECRET-access-2"));
    expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    expect((await tokens.replace(rejected, neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("stores the new tokens before they are used: a crash right after loses nothing", async () => {
    const tokens = await start();
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    let open: () => void = () => undefined;
    harness.store.gate = new Promise((resolve) => (open = resolve));
    let grant: Secret | null = null;
    const replacing = tokens
      .replace(new Secret("SECRET-access-1"), neverAborted)
      .then((secret) => (grant = secret));
    await settle();
    expect(harness.store.log.at(-1)).to.equal(`set ${grantAccount(orgA)}`);
    expect(grant).to.equal(null);
    open();
    const token = await replacing;
    expect(await storedText())
      .to.include(token.reveal())
      .and.to.include("SECRET-refresh-2");
    const next = await harness.otherProcess();
    expect((await next.tokenSource(orgA).getToken(neverAborted)).reveal()).to.equal(
      "SECRET-access-2",
    );
  });

  it("renews ahead of expiry without holding up the request", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 2 * HOUR);
    await tokens.getToken(neverAborted);
    await settle();
    expect(harness.oauth.refreshedWith).to.deep.equal([]);
    await harness.clock.advance(1.5 * HOUR);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    await settle();
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    expect(harness.oauth.refreshedWith).to.have.length(1);
  });

  it("takes the same token again for success, and does not ask in a loop", async () => {
    const tokens = await start({ accessTokenExpiresAt: harness.clock.now() + 10 * HOUR });
    await tokens.getToken(neverAborted);
    await harness.clock.advance(9.5 * HOUR);
    for (let i = 0; i < 100; i += 1) {
      void harness.oauth.outcomes.splice(
        0,
        Infinity,
        tokenResponseOf("1", { expiresInSeconds: 1_800 - i, refreshToken: null }),
      );
      expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
      await harness.clock.advance(1_000);
    }
    expect(harness.oauth.refreshedWith).to.have.length(1);
  });

  it("keeps the refresh token and the scopes that Webex does not say again, and an unknown expiry means until 401", async () => {
    const tokens = await start();
    const lean = {
      expiresInSeconds: null,
      refreshToken: null,
      refreshTokenExpiresInSeconds: null,
      scopes: null,
    };
    harness.oauth.outcomes.push(tokenResponseOf("2", lean));
    await tokens.replace(new Secret("SECRET-access-1"), neverAborted);
    expect(JSON.parse(await storedText())).to.include({
      refreshToken: "SECRET-refresh-1",
      accessTokenExpiresAt: null,
    });
    await harness.clock.advance(60 * DAY);
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    expect(harness.oauth.refreshedWith).to.have.length(1);
  });

  it("refreshes in the foreground when the token is over", async () => {
    const tokens = await start();
    await harness.clock.advance(15 * DAY);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("uses what another process refreshed first", async () => {
    const tokens = await start();
    const other = await harness.otherProcess();
    other.oauth.outcomes.push(tokenResponseOf("2"));
    await other.tokenSource(orgA).replace(new Secret("SECRET-access-1"), neverAborted);
    expect((await tokens.replace(new Secret("SECRET-access-1"), neverAborted)).reveal()).to.equal(
      "SECRET-access-2",
    );
    expect(harness.oauth.refreshedWith).to.deep.equal([]);
  });

  it("tries once more with the keychain's newer refresh token when the one it knew is refused", async () => {
    const tokens = await start();
    const other = await harness.otherProcess();
    // The other process writes while ours is at Webex.
    harness.oauth.outcomes.push(
      (async (): Promise<TokenResponse> => {
        await settle();
        const newer = grantOf(orgA, "2", harness.clock.now(), {
          accessTokenExpiresAt: harness.clock.now() - 1,
        });
        await other.grantStore.storeGrant(newer);
        throw grantRefusedFault();
      })(),
      tokenResponseOf("3"),
    );
    expect((await tokens.replace(new Secret("SECRET-access-1"), neverAborted)).reveal()).to.equal(
      "SECRET-access-3",
    );
    expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1", "SECRET-refresh-2"]);
  });

  it("dead grant: says so, keeps the tokens, asks again only once an hour", async () => {
    const tokens = await start();
    const changed: string[] = [];
    harness.refusals.events.on("refusalChanged", (orgId) => changed.push(orgId));
    harness.oauth.outcomes.push(grantRefusedFault());
    expect(
      (await faultOf(tokens.replace(new Secret("SECRET-access-1"), neverAborted))).code,
    ).to.equal("grantRefused");
    for (let i = 0; i < 5; i += 1)
      expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("grantRefused");
    expect(harness.oauth.refreshedWith).to.have.length(1);
    expect(await storedText()).to.include("SECRET-refresh-1");
    expect(changed).to.deep.equal([orgA]);
    await harness.clock.advance(HOUR);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    expect(changed).to.deep.equal([orgA, orgA]);
  });

  it("dead grant: another process's authorization, or another client secret, revives it", async () => {
    const tokens = await start();
    await harness.grantStore.start();
    harness.oauth.outcomes.push(grantRefusedFault(401));
    await faultOf(tokens.replace(new Secret("SECRET-access-1"), neverAborted));
    await (
      await harness.otherProcess()
    ).grantStore.storeGrant(grantOf(orgA, "2", harness.clock.now()));
    await harness.clock.advance(60_000);
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    harness.oauth.outcomes.push(grantRefusedFault(401), tokenResponseOf("3"));
    await faultOf(tokens.replace(new Secret("SECRET-access-2"), neverAborted));
    await harness.grantStore.setClient({
      ...client,
      clientSecret: new Secret("SECRET-new-client"),
    });
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-3");
  });

  it("a refusal ahead of expiry does not cost the token that still works", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 0.5 * HOUR);
    harness.oauth.outcomes.push(grantRefusedFault());
    for (let i = 0; i < 5; i += 1) {
      expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
      await harness.clock.advance(60_000);
    }
    expect(harness.oauth.refreshedWith).to.have.length(1);
    await harness.clock.advance(HOUR);
    harness.oauth.outcomes.push(grantRefusedFault());
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("grantRefused");
  });

  it("a passing fault never costs the grant", async () => {
    const tokens = await start();
    for (const fault of [
      busy(),
      new Fault("rateLimited", "429"),
      new Fault("webexUnreachable", "DNS"),
    ]) {
      harness.oauth.outcomes.push(fault);
      expect(
        (await faultOf(tokens.replace(new Secret("SECRET-access-1"), neverAborted))).code,
      ).to.equal(fault.code);
    }
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    // The token that Webex rejected is not given out again meanwhile.
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("ahead of expiry a passing fault is tried again later, not at every request", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 0.5 * HOUR);
    harness.oauth.outcomes.push(busy());
    for (let i = 0; i < 10; i += 1) {
      await tokens.getToken(neverAborted);
      await harness.clock.advance(1_000);
    }
    expect(harness.oauth.refreshedWith).to.have.length(1);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    await harness.clock.advance(60_000);
    await tokens.getToken(neverAborted);
    await settle();
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("ahead of expiry is tried again at once on a new way to Webex, unless Webex asked to wait", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 0.5 * HOUR);
    const tries = async (): Promise<number> => {
      await tokens.getToken(neverAborted);
      await settle();
      return harness.oauth.refreshedWith.length;
    };
    harness.oauth.outcomes.push(new Fault("webexUnreachable", "No way."));
    expect([await tries(), await tries()]).to.deep.equal([1, 1]);
    tokens.routeChanged();
    harness.oauth.outcomes.push(new Fault("rateLimited", "Later.", { retryAfterMs: 120_000 }));
    expect(await tries()).to.equal(2);
    tokens.routeChanged();
    expect(await tries()).to.equal(2);
  });

  it("keychain locked while storing: the old token serves while it works, nothing is lost", async () => {
    const tokens = await start({ accessTokenExpiresAt: harness.clock.now() + 2 * HOUR });
    await harness.grantStore.start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(1.9 * HOUR);
    harness.store.writesFail = true;
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    for (let i = 0; i < 5; i += 1) {
      expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
      await harness.clock.advance(10_000);
    }
    expect(harness.oauth.refreshedWith).to.have.length(1);
    expect(await storedText()).to.include("SECRET-refresh-1");
    harness.store.writesFail = false;
    await harness.clock.advance(10_000);
    expect(await storedText()).to.include("SECRET-refresh-2");
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("keychain locked while storing, old token over: the held one serves, and is the one refreshed", async () => {
    const tokens = await start();
    harness.store.writesFail = true;
    harness.oauth.outcomes.push(tokenResponseOf("2"), tokenResponseOf("3"));
    expect((await tokens.replace(new Secret("SECRET-access-1"), neverAborted)).reveal()).to.equal(
      "SECRET-access-2",
    );
    expect((await tokens.replace(new Secret("SECRET-access-2"), neverAborted)).reveal()).to.equal(
      "SECRET-access-3",
    );
    expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1", "SECRET-refresh-2"]);
    harness.store.writesFail = false;
    await harness.grantStore.reload();
    expect(await storedText()).to.include("SECRET-refresh-3");
  });

  it("keychain out of reach: the token in memory goes on being used", async () => {
    const tokens = await start();
    harness.store.fault = keychainLockedFault();
    await faultOf(harness.grantStore.reload());
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
  });

  it("renews a refresh token 14 days before it would expire unused, and only warns when that fails", async () => {
    const tokens = await start({ accessTokenExpiresAt: null });
    await harness.clock.advance(75 * DAY);
    await tokens.getToken(neverAborted);
    await settle();
    expect(harness.oauth.refreshedWith).to.have.length(0);
    await harness.clock.advance(2 * DAY);
    harness.oauth.outcomes.push(busy());
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    await settle();
    expect(harness.oauth.refreshedWith).to.have.length(1);
    expect(harness.logger.records.filter((r) => r.level === "warn")).to.have.length(1);
    await harness.clock.advance(60_000);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    await tokens.getToken(neverAborted);
    await settle();
    expect(await storedText()).to.include("SECRET-refresh-2");
  });

  it("uses no grant given for another client or another API origin, and sends nothing of it", async () => {
    const tokens = await start();
    harness.settings = { ...harness.settings, apiUrl: "https://other.example/v1" };
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("authorizationRequired");
    expect((await faultOf(tokens.replace(new Secret("x"), neverAborted))).code).to.equal(
      "authorizationRequired",
    );
    harness.settings = { ...harness.settings, apiUrl: "https://webexapis.com/v9" };
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    await harness.grantStore.setClient({ ...client, clientId: "client-2" });
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("authorizationRequired");
    expect(harness.oauth.refreshedWith).to.deep.equal([]);
  });

  it("needs the secret of the client id in force", async () => {
    const tokens = await start();
    harness.settings = { ...harness.settings, clientId: "client-9" };
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("clientNotConfigured");
    harness.settings = { ...harness.settings, clientId: "client-1" };
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    await harness.store.inner.delete("client");
    await harness.grantStore.reload();
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("clientNotConfigured");
  });

  it("without a grant a person has to authorize", async () => {
    await harness.grantStore.setClient(client);
    expect((await faultOf(harness.tokenSource(orgA).getToken(neverAborted))).code).to.equal(
      "authorizationRequired",
    );
  });

  it("gives a rejected token that Webex vouches for another chance, and does not ask at every request", async () => {
    const tokens = await start();
    const rejected = new Secret("SECRET-access-1");
    harness.oauth.outcomes.push(tokenResponseOf("1"));
    expect((await tokens.replace(rejected, neverAborted)).reveal()).to.equal("SECRET-access-1");
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    for (let i = 0; i < 5; i += 1)
      expect((await faultOf(tokens.replace(rejected, neverAborted))).code).to.equal("unauthorized");
    expect(harness.oauth.refreshedWith).to.have.length(1);
    await harness.clock.advance(60_000);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("cancelling leaves at once, and ends the request half a second after nobody waits for it any more", async () => {
    const tokens = await start();
    harness.oauth.outcomes.push(new Promise(() => undefined));
    const [one, two] = [new AbortController(), new AbortController()];
    const first = faultOf(tokens.replace(new Secret("SECRET-access-1"), one.signal));
    const second = faultOf(tokens.replace(new Secret("SECRET-access-1"), two.signal));
    await settle();
    one.abort();
    expect((await first).code).to.equal("cancelled");
    expect(harness.oauth.signals[0]?.aborted).to.equal(false);
    two.abort();
    expect((await second).code).to.equal("cancelled");
    await harness.clock.advance(499);
    expect(harness.oauth.signals[0]?.aborted).to.equal(false);
    await harness.clock.advance(1);
    expect(harness.oauth.signals[0]?.aborted).to.equal(true);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  describe("turned away from in the middle of a refresh", () => {
    const rejected = new Secret("SECRET-access-1");
    /** Leaves while Webex has the refresh token; gives what answers it. */
    const abandonRefresh = async () => {
      const tokens = await start();
      const caller = new AbortController();
      let answer: (a: TokenResponse | Promise<never>) => void = () => undefined;
      harness.oauth.outcomes.push(new Promise((resolve) => (answer = resolve)));
      const asked = faultOf(tokens.replace(rejected, caller.signal));
      await settle();
      caller.abort();
      expect((await asked).code).to.equal("cancelled");
      return { tokens, answer };
    };

    it("stores what Webex gives within half a second, and is settled only then", async () => {
      const { tokens, answer } = await abandonRefresh();
      let settled = false;
      const settling = tokens.whenIdle().then(() => (settled = true));
      await harness.clock.advance(450);
      expect(harness.oauth.signals[0]?.aborted).to.equal(false);
      expect(settled).to.equal(false);
      answer(tokenResponseOf("2"));
      await settling;
      expect(await storedText()).to.include("SECRET-refresh-2");
      expect(harness.clock.pendingTimers).to.equal(0);
    });

    it("does not send that refresh token again meanwhile: who comes back gets what it gave", async () => {
      const { tokens, answer } = await abandonRefresh();
      const again = tokens.replace(rejected, neverAborted);
      const impatient = new AbortController();
      const gone = faultOf(tokens.replace(rejected, impatient.signal));
      await settle();
      impatient.abort();
      expect((await gone).code).to.equal("cancelled");
      answer(tokenResponseOf("2"));
      expect((await again).reveal()).to.equal("SECRET-access-2");
      expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    });

    it("asks anew for who came back, when nothing has come", async () => {
      const { tokens } = await abandonRefresh();
      const again = tokens.replace(rejected, neverAborted);
      await settle();
      harness.oauth.outcomes.push(tokenResponseOf("2"));
      expect((await harness.clock.until(again)).reveal()).to.equal("SECRET-access-2");
      expect(harness.oauth.refreshedWith).to.have.length(2);
    });

    it("sends nothing more after a refusal, though the keychain holds a newer refresh token", async () => {
      const { answer } = await abandonRefresh();
      const over = { accessTokenExpiresAt: harness.clock.now() - 1 };
      await (
        await harness.otherProcess()
      ).grantStore.storeGrant(grantOf(orgA, "2", harness.clock.now(), over));
      answer(Promise.reject(grantRefusedFault()));
      await harness.clock.advance(1_000);
      expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    });

    it("sends nothing when the keychain was still being read", async () => {
      const tokens = await start();
      const caller = new AbortController();
      const asked = faultOf(tokens.replace(rejected, caller.signal));
      caller.abort();
      expect((await asked).code).to.equal("cancelled");
      await harness.clock.advance(1_000);
      expect(harness.oauth.refreshedWith).to.deep.equal([]);
    });
  });

  it("a renewal ahead of time outlives the request that it was begun at, and can be called off", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 0.5 * HOUR);
    const request = new AbortController();
    harness.oauth.outcomes.push(new Promise(() => undefined));
    await tokens.getToken(request.signal);
    await settle();
    request.abort();
    await harness.clock.advance(5_000);
    expect(harness.oauth.signals[0]?.aborted).to.equal(false);
    tokens.cancel();
    await harness.clock.until(tokens.whenIdle(), 500);
    expect(harness.oauth.signals[0]?.aborted).to.equal(true);
    expect(harness.logger.records.filter((r) => r.level === "warn")).to.deep.equal([]);
  });
});
