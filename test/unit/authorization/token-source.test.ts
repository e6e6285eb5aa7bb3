import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import type { Grant } from "../../../src/authorization/grant.js";
import { grantAccount, renewalAccount } from "../../../src/authorization/keychain-records.js";
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
const rejected = new Secret("SECRET-access-1");
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
  /** The fault of a refresh that Webex refuses: the keychain is read again for some seconds. */
  const refusalOf = (promise: Promise<unknown>): Promise<Fault> =>
    harness.clock.until(faultOf(promise), 10_000);
  beforeEach(() => {
    harness = new AuthorizationHarness();
  });
  afterEach(async () => {
    await harness.grantStore.stop();
    expect(harness.logger.text).not.to.include("SECRET-");
  });

  it("returns the stored token without a request", async () => {
    const tokens = await start();
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    expect(harness.oauth.refreshedWith).to.deep.equal([]);
  });

  it("refreshes once for all concurrent callers", async () => {
    const tokens = await start();
    harness.oauth.outcomes.push(tokenResponseOf("2"));
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

  it("stores the new tokens before they are used, so that a crash loses nothing", async () => {
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

  it("renews in advance without delaying the request", async () => {
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

  it("accepts the same token as a success, and does not refresh in a loop", async () => {
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

  it("keeps the refresh token and scopes that a response omits, and uses a token without expiry until 401", async () => {
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

  it("refreshes in the foreground when the token has expired", async () => {
    const tokens = await start();
    await harness.clock.advance(15 * DAY);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("uses the tokens that another process has refreshed", async () => {
    const tokens = await start();
    const other = await harness.otherProcess();
    other.oauth.outcomes.push(tokenResponseOf("2"));
    await other.tokenSource(orgA).replace(new Secret("SECRET-access-1"), neverAborted);
    expect((await tokens.replace(new Secret("SECRET-access-1"), neverAborted)).reveal()).to.equal(
      "SECRET-access-2",
    );
    expect(harness.oauth.refreshedWith).to.deep.equal([]);
  });

  it("retries with a newer refresh token from the keychain when its own is refused", async () => {
    const tokens = await start();
    const other = await harness.otherProcess();
    // The other process stores its tokens while this refresh is in progress.
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

  it("reports a refused grant, keeps its tokens, and retries within a minute twice, then every ten minutes", async () => {
    const tokens = await start();
    const changed: string[] = [];
    harness.refusals.events.on("refusalChanged", (orgId) => changed.push(orgId));
    harness.oauth.outcomes.push(...Array.from({ length: 5 }, () => grantRefusedFault()));
    expect((await refusalOf(tokens.replace(rejected, neverAborted))).code).to.equal("grantRefused");
    expect(await storedText()).to.include("SECRET-refresh-1");
    // As a refused organization is polled.
    const sentAt = [harness.clock.monotonic()];
    while (sentAt.length < 5) {
      await harness.clock.advance(54_000);
      const before = harness.oauth.refreshedWith.length;
      expect((await refusalOf(tokens.getToken(neverAborted))).code).to.equal("grantRefused");
      if (harness.oauth.refreshedWith.length > before) sentAt.push(harness.clock.monotonic());
    }
    const gaps = sentAt.slice(1).map((at, index) => at - sentAt[index]!);
    expect(gaps.slice(0, 2)).to.deep.equal([54_000, 54_000]);
    for (const gap of gaps.slice(2)) expect(gap).to.be.within(570_000, 660_000);
    expect(changed).to.deep.equal([orgA]);
    await harness.clock.advance(660_000);
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    expect(changed).to.deep.equal([orgA, orgA]);
  });

  it("keeps the remedy of a refusal that a new authorization alone does not end", async () => {
    const tokens = await start();
    const hint = "Revoke authorizations.";
    const data = { error: "tokenlimit_reached" };
    harness.oauth.outcomes.push(new Fault("grantRefused", "Webex refused.", { data, hint }));
    expect((await refusalOf(tokens.replace(rejected, neverAborted))).hint).to.equal(hint);
  });

  it("uses the tokens of another process that stores them up to two seconds after the refusal", async () => {
    const tokens = await start();
    const other = await harness.otherProcess();
    harness.oauth.outcomes.push(grantRefusedFault());
    harness.clock.schedule(1_900, () => {
      void other.grantStore.storeGrant(grantOf(orgA, "2", harness.clock.now()));
    });
    const token = await harness.clock.until(tokens.replace(rejected, neverAborted));
    expect(token.reveal()).to.equal("SECRET-access-2");
    expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    expect(harness.refusals.find(grantOf(orgA, "1", 0), client)).to.equal(null);
    expect(harness.logger.text).not.to.include("no longer accepts");
  });

  describe("when two processes send the same refresh token", () => {
    /** The other process has sent it first, and its response takes a while. */
    const startOther = async (afterMs: number, outcome: TokenResponse | Fault) => {
      const other = await harness.otherProcess();
      other.oauth.outcomes.push(
        new Promise((resolve, reject) => {
          harness.clock.schedule(afterMs, () =>
            outcome instanceof Fault ? reject(outcome) : resolve(outcome),
          );
        }),
      );
      const renewed = other
        .tokenSource(orgA)
        .replace(rejected, neverAborted)
        .catch((error: unknown) => error);
      await settle();
      return { other, renewed };
    };
    const timeOf = async (promise: Promise<unknown>): Promise<number> => {
      const startedAt = harness.clock.monotonic();
      await harness.clock.until(
        promise.catch(() => undefined),
        120_000,
      );
      return harness.clock.monotonic() - startedAt;
    };

    it("waits for the first one's tokens, however long Webex takes, and is not refused", async () => {
      const tokens = await start();
      await startOther(30_000, tokenResponseOf("2"));
      harness.oauth.outcomes.push(grantRefusedFault());
      const token = await harness.clock.until(tokens.replace(rejected, neverAborted));
      expect(token.reveal()).to.equal("SECRET-access-2");
      expect(harness.refusals.find(grantOf(orgA, "1", 0), client)).to.equal(null);
      expect(harness.logger.text).not.to.include("no longer accepts");
    });

    it("waits for tokens that a slow keychain stores", async () => {
      const tokens = await start();
      const { other } = await startOther(1_000, tokenResponseOf("2"));
      other.store.gate = new Promise((resolve) => harness.clock.schedule(9_000, resolve));
      harness.oauth.outcomes.push(grantRefusedFault());
      const token = await harness.clock.until(tokens.replace(rejected, neverAborted));
      expect(token.reveal()).to.equal("SECRET-access-2");
    });

    it("waits for tokens that cannot be stored until the keychain is unlocked", async () => {
      const tokens = await start();
      const { other } = await startOther(5_000, tokenResponseOf("2"));
      await other.grantStore.start();
      harness.oauth.outcomes.push(grantRefusedFault());
      const replacing = tokens.replace(rejected, neverAborted);
      await harness.clock.advance(4_000);
      for (const { store } of [harness, other]) store.fault = keychainLockedFault();
      await harness.clock.advance(8_000);
      for (const { store } of [harness, other]) store.fault = null;
      expect((await harness.clock.until(replacing)).reveal()).to.equal("SECRET-access-2");
      await other.grantStore.stop();
    });

    it("sends nothing while another process has just announced its renewal", async () => {
      const tokens = await start();
      await startOther(2_500, tokenResponseOf("2"));
      const token = await harness.clock.until(tokens.replace(rejected, neverAborted));
      expect(token.reveal()).to.equal("SECRET-access-2");
      expect(harness.oauth.refreshedWith).to.deep.equal([]);
    });

    it("reports the refusal after two seconds if the other one is refused too", async () => {
      const tokens = await start();
      await startOther(500, grantRefusedFault());
      harness.oauth.outcomes.push(grantRefusedFault());
      const fault = faultOf(tokens.replace(rejected, neverAborted));
      expect(await timeOf(fault)).to.be.at.most(3_000);
      expect((await fault).code).to.equal("grantRefused");
    });

    it("is not kept from renewing by a process that has ended during its renewal", async () => {
      const tokens = await start();
      const ended = (await harness.otherProcess()).renewals;
      await ended.announce(orgA, "ended");
      harness.oauth.outcomes.push(tokenResponseOf("2"));
      const renewed = tokens.replace(rejected, neverAborted);
      expect(await timeOf(renewed)).to.be.at.most(3_200);
      expect((await renewed).reveal()).to.equal("SECRET-access-2");
    });

    it("does not wait for another process's renewal while the keychain hangs", async () => {
      const tokens = await start();
      const ended = (await harness.otherProcess()).renewals;
      await ended.announce(orgA, "ended");
      // The announcement is known here, and the grant is usable from memory.
      await harness.renewals.isAnnouncedByOther(orgA, "this");
      harness.store.fault = keychainLockedFault();
      harness.store.readDelay = () =>
        new Promise((resolve) => harness.clock.schedule(3_000, resolve));
      harness.oauth.outcomes.push(tokenResponseOf("2"));
      const replacing = tokens.replace(rejected, neverAborted).catch(() => undefined);
      await harness.clock.advance(3_100);
      expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
      await harness.clock.until(replacing);
    });

    it("reports a refusal, at the latest when no process can be renewing any more", async () => {
      const tokens = await start();
      const ended = (await harness.otherProcess()).renewals;
      await ended.announce(orgA, "ended");
      harness.oauth.outcomes.push(grantRefusedFault());
      const fault = faultOf(tokens.replace(rejected, neverAborted));
      expect(await timeOf(fault)).to.be.within(30_000, 36_000);
      expect((await fault).code).to.equal("grantRefused");
    });

    it("ignores an announcement of the future or of another form", async () => {
      const tokens = await start();
      const account = renewalAccount(orgA);
      const announcedAt = harness.clock.now() + 60_000;
      for (const text of [
        JSON.stringify({ version: 1, renewals: [{ renewer: "x", announcedAt }] }),
        JSON.stringify({ version: 2, renewals: [{ renewer: "x", announcedAt: 0 }] }),
        "not JSON",
      ]) {
        await harness.store.inner.set(account, text);
        harness.oauth.outcomes.push(grantRefusedFault());
        tokens.retryRefused();
        await harness.clock.advance(5_000);
        expect(await timeOf(faultOf(tokens.replace(rejected, neverAborted)))).to.be.at.most(2_000);
      }
    });

    it("leaves no announcement after a renewal, after a failure, or after the grant is revoked", async () => {
      const tokens = await start();
      const announced = (): Promise<string | null> => harness.store.inner.get(renewalAccount(orgA));
      harness.oauth.outcomes.push(tokenResponseOf("2"), busy());
      await tokens.replace(rejected, neverAborted);
      expect(await announced()).to.equal(null);
      await faultOf(tokens.replace(new Secret("SECRET-access-2"), neverAborted));
      expect(await announced()).to.equal(null);
      await harness.renewals.announce(orgA, "another");
      expect(await announced()).to.not.equal(null);
      await harness.grantStore.removeGrant(orgA);
      expect(await announced()).to.equal(null);
    });

    it("keeps its announcement while the new tokens are not stored", async () => {
      const tokens = await start();
      harness.oauth.outcomes.push(
        (async (): Promise<TokenResponse> => {
          await settle();
          harness.store.writesFail = true;
          return tokenResponseOf("2");
        })(),
      );
      await tokens.replace(rejected, neverAborted);
      expect(await harness.renewals.isAnnouncedByOther(orgA, "another")).to.equal(true);
    });
  });

  it("uses a client secret that another process has stored when Webex rejects the client", async () => {
    const tokens = await start();
    const other = await harness.otherProcess();
    await other.grantStore.setClient({ ...client, clientSecret: new Secret("SECRET-new-client") });
    const invalidClient = new Fault("grantRefused", "Webex refused.", {
      status: 401,
      data: { error: "invalid_client" },
    });
    harness.store.fault = keychainLockedFault();
    harness.oauth.outcomes.push(
      (async (): Promise<TokenResponse> => {
        await settle();
        harness.store.fault = null;
        throw invalidClient;
      })(),
      tokenResponseOf("2"),
    );
    expect((await tokens.replace(rejected, neverAborted)).reveal()).to.equal("SECRET-access-2");
    expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1", "SECRET-refresh-1"]);
  });

  it("ends the wait for another process when all callers cancel", async () => {
    const tokens = await start();
    const caller = new AbortController();
    harness.oauth.outcomes.push(grantRefusedFault());
    const cancelled = faultOf(tokens.replace(rejected, caller.signal));
    await harness.clock.advance(500);
    caller.abort();
    expect((await cancelled).code).to.equal("cancelled");
    await settle();
    expect(harness.clock.pendingTimers).to.equal(0);
    expect(harness.refusals.find(grantOf(orgA, "1", 0), client)).to.equal(null);
  });

  it("retries a refused grant at once on request, and only Webex ends the refusal", async () => {
    const tokens = await start();
    const changed: string[] = [];
    harness.oauth.outcomes.push(grantRefusedFault());
    await refusalOf(tokens.replace(rejected, neverAborted));
    harness.refusals.events.on("refusalChanged", (orgId) => changed.push(orgId));
    tokens.retryRefused();
    harness.oauth.outcomes.push(grantRefusedFault());
    await refusalOf(tokens.getToken(neverAborted));
    await refusalOf(tokens.getToken(neverAborted));
    expect(harness.oauth.refreshedWith).to.have.length(2);
    expect(changed).to.deep.equal([]);
    tokens.retryRefused();
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    const renewed = await harness.clock.until(tokens.getToken(neverAborted), 10_000);
    expect(renewed.reveal()).to.equal("SECRET-access-2");
    expect(changed).to.deep.equal([orgA]);
  });

  it("spreads failed renewals up to one interval, whoever asks and however often", async () => {
    let tokens = await start();
    const sentAt: number[] = [];
    for (let at = 0; at < 40_000; at += 100) {
      const before = harness.oauth.refreshedWith.length;
      harness.oauth.outcomes.length = 0;
      harness.oauth.outcomes.push(busy());
      // Each caller leaves soon, and a switch creates another source.
      const caller = new AbortController();
      const renewal = faultOf(tokens.replace(rejected, caller.signal));
      await harness.clock.advance(100);
      caller.abort();
      await renewal;
      if (harness.oauth.refreshedWith.length > before) sentAt.push(at);
      tokens = harness.tokenSource(orgA);
    }
    const gaps = sentAt.slice(1).map((at, i) => at - (sentAt[i] ?? 0));
    expect(gaps.slice(0, 2)[0]).to.be.within(1_900, 2_200);
    for (const gap of gaps.slice(2)) expect(gap).to.be.within(4_800, 5_200);
  });

  it("tries another grant, client secret or route at once, then each at most every 2 s", async () => {
    const tokens = await start();
    const attempt = async (): Promise<number> => {
      harness.oauth.outcomes.length = 0;
      harness.oauth.outcomes.push(busy());
      const before = harness.clock.monotonic();
      await harness.clock.until(faultOf(tokens.replace(rejected, neverAborted)), 10_000);
      return harness.clock.monotonic() - before;
    };
    for (let i = 0; i < 4; i += 1) await attempt();
    tokens.routeChanged();
    expect(await attempt()).to.be.below(100);
    const clientSecret = new Secret("SECRET-other-client");
    await harness.grantStore.setClient({ ...client, clientSecret });
    expect(await attempt()).to.be.within(1_900, 2_300);
    await harness.clock.advance(3_000);
    await harness.grantStore.storeGrant(
      grantOf(orgA, "3", harness.clock.now(), { accessTokenExpiresAt: harness.clock.now() - 1 }),
    );
    expect(await attempt()).to.be.below(100);
  });

  it("refreshes at once on request after Webex returned the token that it rejects", async () => {
    const tokens = await start();
    harness.oauth.outcomes.push(tokenResponseOf("1"));
    await tokens.replace(rejected, neverAborted);
    expect((await faultOf(tokens.replace(rejected, neverAborted))).code).to.equal("unauthorized");
    tokens.retryRefused();
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    expect((await tokens.replace(rejected, neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  for (const [retryAfterMs, delayMs] of [
    [undefined, 5_000],
    [1_000, 5_000],
    [30_000, 30_000],
  ] as const) {
    const demanded = retryAfterMs === undefined ? "no delay" : `${retryAfterMs / 1000} s`;
    it(`waits ${delayMs / 1000} s after a 429 that demands ${demanded}, also if a token expires`, async () => {
      const tokens = await start();
      await tokens.getToken(neverAborted);
      await harness.clock.advance(14 * DAY - 1_000);
      const limited = { status: 429, ...(retryAfterMs !== undefined && { retryAfterMs }) };
      harness.oauth.outcomes.push(new Fault("rateLimited", "Slow down.", limited));
      // In advance, in the background.
      await tokens.getToken(neverAborted);
      await settle();
      await harness.clock.advance(1_000);
      const fault = await faultOf(tokens.getToken(neverAborted));
      expect(fault).to.include({ code: "rateLimited", status: 429 });
      expect(fault.retryAfterMs).to.equal(delayMs - 1_000);
      await harness.clock.advance(delayMs - 1_001);
      tokens.retryRefused();
      expect((await faultOf(tokens.replace(rejected, neverAborted))).retryAfterMs).to.equal(1);
      expect(harness.oauth.refreshedWith).to.have.length(1);
      await harness.clock.advance(1);
      harness.oauth.outcomes.push(tokenResponseOf("2"));
      expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    });
  }

  it("logs why a token cannot be renewed, in words", async () => {
    const tokens = await start();
    const fault = new Fault("webexUnreachable", "The proxy refused the connection.", {
      hint: "Check the proxy.",
    });
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - HOUR / 2);
    harness.oauth.outcomes.push(fault);
    await tokens.getToken(neverAborted);
    await settle();
    expect(harness.logger.records.at(-1)?.fields).to.deep.include({
      code: "webexUnreachable",
      reason: "The proxy refused the connection.",
      hint: "Check the proxy.",
    });
  });

  it("retries a refused grant at once after a new authorization or with a new client secret", async () => {
    const tokens = await start();
    await harness.grantStore.start();
    harness.oauth.outcomes.push(grantRefusedFault(401));
    await refusalOf(tokens.replace(rejected, neverAborted));
    await (
      await harness.otherProcess()
    ).grantStore.storeGrant(grantOf(orgA, "2", harness.clock.now()));
    await harness.clock.advance(60_000);
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
    harness.oauth.outcomes.push(grantRefusedFault(401), tokenResponseOf("3"));
    await refusalOf(tokens.replace(new Secret("SECRET-access-2"), neverAborted));
    await harness.grantStore.setClient({
      ...client,
      clientSecret: new Secret("SECRET-new-client"),
    });
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-3");
  });

  it("continues to use a valid token when a renewal in advance is refused, and retries as often", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 0.5 * HOUR);
    harness.oauth.outcomes.push(...Array.from({ length: 4 }, () => grantRefusedFault()));
    for (let i = 0; i < 60; i += 1) {
      expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
      await harness.clock.advance(20_000);
    }
    expect(harness.oauth.refreshedWith).to.have.length(4);
    await harness.clock.advance(HOUR);
    harness.oauth.outcomes.push(grantRefusedFault());
    expect((await refusalOf(tokens.getToken(neverAborted))).code).to.equal("grantRefused");
  });

  it("keeps the grant after a transient fault", async () => {
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
      await harness.clock.advance(5_000);
    }
    harness.oauth.outcomes.push(tokenResponseOf("2"));
    // The rejected token is not returned in the meantime.
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-2");
  });

  it("retries a renewal in advance after a while, not at each request", async () => {
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

  it("retries a renewal in advance at once on a new route, unless Webex demanded a delay", async () => {
    const tokens = await start();
    await tokens.getToken(neverAborted);
    await harness.clock.advance(14 * DAY - 0.5 * HOUR);
    const tries = async (): Promise<number> => {
      await tokens.getToken(neverAborted);
      await settle();
      return harness.oauth.refreshedWith.length;
    };
    harness.oauth.outcomes.push(new Fault("webexUnreachable", "No route."));
    expect([await tries(), await tries()]).to.deep.equal([1, 1]);
    tokens.routeChanged();
    harness.oauth.outcomes.push(new Fault("rateLimited", "Later.", { retryAfterMs: 120_000 }));
    expect(await tries()).to.equal(2);
    tokens.routeChanged();
    expect(await tries()).to.equal(2);
  });

  it("uses the old token while the keychain is locked, and stores the new ones later", async () => {
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

  it("uses and refreshes the unsaved tokens if the old one is no longer valid", async () => {
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

  it("uses the last known token while the keychain is unavailable", async () => {
    const tokens = await start();
    harness.store.fault = keychainLockedFault();
    await faultOf(harness.grantStore.reload());
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
  });

  it("renews a refresh token 14 days before it expires, and only logs a failure", async () => {
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

  it("does not use or send a grant for another client or API origin", async () => {
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

  it("requires the secret of the configured client ID", async () => {
    const tokens = await start();
    harness.settings = { ...harness.settings, clientId: "client-9" };
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("clientNotConfigured");
    harness.settings = { ...harness.settings, clientId: "client-1" };
    expect((await tokens.getToken(neverAborted)).reveal()).to.equal("SECRET-access-1");
    await harness.store.inner.delete("client");
    await harness.grantStore.reload();
    expect((await faultOf(tokens.getToken(neverAborted))).code).to.equal("clientNotConfigured");
  });

  it("throws authorizationRequired without a grant", async () => {
    await harness.grantStore.setClient(client);
    expect((await faultOf(harness.tokenSource(orgA).getToken(neverAborted))).code).to.equal(
      "authorizationRequired",
    );
  });

  it("uses a rejected token again that a refresh confirms, and does not refresh at each request", async () => {
    const tokens = await start();
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

  it("rejects a cancelled caller at once, and aborts the request 500 ms after the last one", async () => {
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
    const renewed = await harness.clock.until(tokens.getToken(neverAborted), 2_000);
    expect(renewed.reveal()).to.equal("SECRET-access-2");
  });

  describe("when all callers cancel during a refresh", () => {
    /** Cancels while the refresh is in progress, and returns a function that completes it. */
    const abandonRefresh = async () => {
      const tokens = await start();
      const caller = new AbortController();
      let complete: (outcome: TokenResponse | Promise<never>) => void = () => undefined;
      harness.oauth.outcomes.push(new Promise((resolve) => (complete = resolve)));
      const cancelled = faultOf(tokens.replace(rejected, caller.signal));
      await settle();
      caller.abort();
      expect((await cancelled).code).to.equal("cancelled");
      return { tokens, complete };
    };

    it("stores a response that comes within 500 ms, and is idle only then", async () => {
      const { tokens, complete } = await abandonRefresh();
      let isIdle = false;
      const idle = tokens.whenIdle().then(() => (isIdle = true));
      await harness.clock.advance(450);
      expect(harness.oauth.signals[0]?.aborted).to.equal(false);
      expect(isIdle).to.equal(false);
      complete(tokenResponseOf("2"));
      await idle;
      expect(await storedText()).to.include("SECRET-refresh-2");
      expect(harness.clock.pendingTimers).to.equal(0);
    });

    it("does not send the refresh token again, and gives new callers the result", async () => {
      const { tokens, complete } = await abandonRefresh();
      const second = tokens.replace(rejected, neverAborted);
      const impatient = new AbortController();
      const impatientCancelled = faultOf(tokens.replace(rejected, impatient.signal));
      await settle();
      impatient.abort();
      expect((await impatientCancelled).code).to.equal("cancelled");
      complete(tokenResponseOf("2"));
      expect((await second).reveal()).to.equal("SECRET-access-2");
      expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    });

    it("refreshes again for new callers if no response has come", async () => {
      const { tokens } = await abandonRefresh();
      const second = tokens.replace(rejected, neverAborted);
      await settle();
      harness.oauth.outcomes.push(tokenResponseOf("2"));
      expect((await harness.clock.until(second)).reveal()).to.equal("SECRET-access-2");
      expect(harness.oauth.refreshedWith).to.have.length(2);
    });

    it("sends nothing after a refusal, even if the keychain contains a newer refresh token", async () => {
      const { complete } = await abandonRefresh();
      const over = { accessTokenExpiresAt: harness.clock.now() - 1 };
      await (
        await harness.otherProcess()
      ).grantStore.storeGrant(grantOf(orgA, "2", harness.clock.now(), over));
      complete(Promise.reject(grantRefusedFault()));
      await harness.clock.advance(1_000);
      expect(harness.oauth.refreshedWith).to.deep.equal(["SECRET-refresh-1"]);
    });

    it("sends nothing if it was still reading the keychain", async () => {
      const tokens = await start();
      const caller = new AbortController();
      const cancelled = faultOf(tokens.replace(rejected, caller.signal));
      caller.abort();
      expect((await cancelled).code).to.equal("cancelled");
      await harness.clock.advance(1_000);
      expect(harness.oauth.refreshedWith).to.deep.equal([]);
    });
  });

  it("continues a renewal in the background when its request is cancelled, until cancel", async () => {
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
