import { expect } from "chai";

import { Secret } from "../../../src/faults/secret.js";
import {
  decodeGrant,
  encodeGrant,
  grantAccount,
} from "../../../src/authorization/keychain-records.js";
import type { GrantStoreState } from "../../../src/authorization/grant-store.js";
import {
  AuthorizationHarness,
  client,
  DAY,
  faultOf,
  SecretStoreFake,
  grantOf,
  keychainLockedFault,
  orgA,
  orgB,
} from "../../support/authorization-fixture.js";

type Ready = Extract<GrantStoreState, { kind: "ready" }>;

describe("grant store", () => {
  let harness: AuthorizationHarness;
  beforeEach(() => {
    harness = new AuthorizationHarness();
  });
  afterEach(() => harness.grantStore.stop());

  const ready = (b: AuthorizationHarness = harness): Ready => {
    if (b.grantStore.state.kind !== "ready")
      throw new Error(`The grant store is ${b.grantStore.state.kind}.`);
    return b.grantStore.state;
  };

  it("has the same content in a new process, with the grants in the order of authorization", async () => {
    const now = harness.clock.now();
    const [a, b] = [
      grantOf(orgB, "b", now),
      grantOf(orgA, "a", now, { accessTokenExpiresAt: null, authorizedBy: null }),
    ];
    await harness.grantStore.setClient(client);
    await harness.grantStore.setProxyPassword(new Secret("SECRET-proxy"));
    await harness.grantStore.storeGrant(a);
    await harness.grantStore.storeGrant(b);
    const state = ready(await harness.otherProcess());
    expect(state.grants.map(encodeGrant)).to.deep.equal([a, b].map(encodeGrant));
    expect(state.client?.clientSecret.reveal()).to.equal("SECRET-client");
    expect(state.proxyPassword?.reveal()).to.equal("SECRET-proxy");
  });

  it("keeps the position of an organization that is authorized again", async () => {
    for (const [org, name] of [
      [orgA, "a"],
      [orgB, "b"],
      [orgA, "a2"],
    ] as const)
      await harness.grantStore.storeGrant(grantOf(org, name, 0));
    expect(ready().grants.map((g) => g.orgName)).to.deep.equal(["Org a2", "Org b"]);
    expect(ready(await harness.otherProcess()).grants.map((g) => g.orgName)).to.deep.equal([
      "Org a2",
      "Org b",
    ]);
  });

  it("uses the documented accounts and record version", async () => {
    await harness.grantStore.setClient(client);
    await harness.grantStore.setProxyPassword(new Secret("x"));
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    for (const account of [
      "client",
      "proxy",
      "grants",
      "grant:11111111-aaaa-4aaa-8aaa-111111111111",
    ]) {
      expect(JSON.parse((await harness.store.inner.get(account)) ?? "null")).to.have.property(
        "version",
        1,
      );
    }
    expect(JSON.parse((await harness.store.inner.get("grants")) ?? "")).to.deep.equal({
      version: 1,
      organizations: [orgA],
    });
    expect(grantAccount("not base64/ä")).to.equal("grant:not%20base64%2F%C3%A4");
  });

  it("writes the grant before the index", async () => {
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    expect(harness.store.log.filter((l) => l.startsWith("set"))).to.deep.equal([
      `set ${grantAccount(orgA)}`,
      "set grants",
    ]);
  });

  it("removes a grant with its index entry, and deletes the proxy password", async () => {
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.grantStore.setProxyPassword(new Secret("x"));
    await harness.grantStore.removeGrant(orgA);
    await harness.grantStore.setProxyPassword(null);
    expect(ready().grants).to.deep.equal([]);
    expect(await harness.store.inner.get(grantAccount(orgA))).to.equal(null);
    expect(await harness.store.inner.get("proxy")).to.equal(null);
    expect(ready().proxyPassword).to.equal(null);
  });

  it("uses the last known content while the keychain is unavailable, and retries within 10 s", async () => {
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.grantStore.start();
    harness.store.fault = keychainLockedFault();
    await harness.clock.advance(30_000);
    expect(ready().fault?.code).to.equal("keychainLocked");
    expect(ready().grants).to.have.length(1);
    harness.store.fault = null;
    await harness.clock.advance(10_000);
    expect(ready().fault).to.equal(null);
  });

  it("is unavailable, not empty, if the keychain was never read", async () => {
    harness.store.fault = keychainLockedFault();
    await harness.grantStore.start();
    expect(harness.grantStore.state).to.have.property("kind", "unavailable");
    expect((await faultOf(harness.grantStore.reload())).code).to.equal("keychainLocked");
    harness.store.fault = null;
    await harness.clock.advance(10_000);
    expect(ready().grants).to.deep.equal([]);
  });

  it("notices a change by another process within 60 s", async () => {
    await harness.grantStore.start();
    const states: GrantStoreState[] = [];
    harness.grantStore.events.on("contentChanged", (s) => states.push(s));
    await (await harness.otherProcess()).grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.clock.advance(60_000);
    expect(ready().grants).to.have.length(1);
    expect(states).to.have.length(1);
  });

  it("logs once which authorizations another process stores and removes, and not its own", async () => {
    await harness.grantStore.start();
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    const { grantStore: other } = await harness.otherProcess();
    const logged = async (): Promise<unknown[]> => {
      harness.logger.records.splice(0);
      await harness.clock.advance(120_000);
      return harness.logger.records.map(({ message, fields }) => [message, fields]);
    };
    expect(await logged()).to.deep.equal([]);
    await other.storeGrant(grantOf(orgB, "b", 0));
    await other.removeGrant(orgA);
    expect(await logged()).to.deep.equal([
      ["Another process has removed an authorization from the keychain.", { orgId: orgA }],
      ["Another process has stored an authorization in the keychain.", { orgId: orgB }],
    ]);
    const renewed = { ...grantOf(orgB, "b2", 0), grantedAt: ready().grants[0]!.grantedAt };
    await other.storeGrant(renewed);
    expect(await logged(), "a renewal").to.deep.equal([]);
    await other.storeGrant({ ...renewed, grantedAt: renewed.grantedAt + DAY });
    expect(await logged(), "authorized again").to.have.length(1);
    await harness.store.inner.set(grantAccount(orgB), "{");
    expect((await logged()).join(), "unreadable").not.to.include("removed");
  });

  it("notices an expected change within 2 s, and reads as seldom as before after 30 s", async () => {
    await harness.grantStore.start();
    harness.grantStore.expectChange();
    await (await harness.otherProcess()).grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.clock.advance(2_000);
    expect(ready().grants).to.have.length(1);
    await harness.clock.advance(30_000);
    harness.store.log.splice(0);
    await harness.clock.advance(27_000);
    expect(harness.store.log).to.deep.equal([]);
  });

  it("emits no event if nothing changed", async () => {
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.grantStore.start();
    const states: GrantStoreState[] = [];
    harness.grantStore.events.on("contentChanged", (s) => states.push(s));
    await harness.clock.advance(300_000);
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    expect(states).to.deep.equal([]);
  });

  it("does not change an unreadable record, logs it once, and lets a new authorization replace it", async () => {
    const account = grantAccount(orgA);
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.store.inner.set(account, '{"version":2,"future":true}');
    await harness.store.inner.set("client", "not json");
    await harness.grantStore.start();
    await harness.clock.advance(120_000);
    expect(ready().unreadableAccounts).to.deep.equal(["client", account]);
    expect(ready().grants).to.deep.equal([]);
    expect(ready().unreadableOrgIds).to.deep.equal([orgA]);
    expect(await harness.store.inner.get(account)).to.equal('{"version":2,"future":true}');
    expect(harness.logger.records.filter((r) => r.fields.account === account)).to.have.length(1);
    await harness.grantStore.storeGrant(grantOf(orgA, "new", 0));
    expect(ready().grants).to.have.length(1);
    expect(ready().unreadableOrgIds).to.deep.equal([]);
    expect(ready().unreadableAccounts).to.deep.equal(["client"]);
  });

  it("reports an index entry without a record as unreadable until it is removed", async () => {
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.grantStore.storeGrant(grantOf(orgB, "b", 0));
    await harness.store.inner.delete(grantAccount(orgA));
    await harness.grantStore.reload();
    expect(ready().grants.map((g) => g.orgId)).to.deep.equal([orgB]);
    expect(ready().unreadableAccounts).to.deep.equal([grantAccount(orgA)]);
    expect(ready().unreadableOrgIds).to.deep.equal([orgA]);
    await harness.grantStore.removeGrant(orgA);
    const { unreadableOrgIds: lost, unreadableAccounts: unusable } = ready();
    expect({ lost, unusable }).to.deep.equal({ lost: [], unusable: [] });
    await harness.grantStore.reload();
    expect(ready().unreadableOrgIds).to.deep.equal([]);
  });

  it("reports nothing as unreadable if two ids contain the same UUID", async () => {
    const european = Buffer.from(orgA, "base64url").toString().replace("//us/", "//eu/");
    await harness.grantStore.storeGrant(
      grantOf(Buffer.from(european).toString("base64url"), "a", 0),
    );
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    await harness.grantStore.reload();
    expect(ready().grants.map((g) => g.orgId)).to.deep.equal([orgA]);
    expect(ready().unreadableOrgIds).to.deep.equal([]);
  });

  it("replaces an unreadable index only for a new authorization, and logs it", async () => {
    await harness.store.inner.set("grants", '{"version":9}');
    await harness.grantStore.reload();
    expect(ready().grants).to.deep.equal([]);
    expect(await harness.store.inner.get("grants")).to.equal('{"version":9}');
    await harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    expect(ready(await harness.otherProcess()).grants).to.have.length(1);
    expect(harness.logger.text).to.include("A new one replaces it");
  });

  it("keeps a refreshed grant in memory until it can be stored", async () => {
    const base = grantOf(orgA, "a", 0);
    await harness.grantStore.storeGrant(base);
    await harness.grantStore.start();
    harness.store.fault = keychainLockedFault();
    expect(await harness.grantStore.storeRefreshed(base, grantOf(orgA, "a2", 0))).to.equal(
      "unsaved",
    );
    expect(harness.grantStore.findGrant(orgA).unsaved?.orgName).to.equal("Org a2");
    expect(ready().grants[0]?.orgName).to.equal("Org a");
    harness.store.fault = null;
    await harness.clock.advance(10_000);
    expect(harness.grantStore.findGrant(orgA)).to.have.property("unsaved", null);
    expect(ready(await harness.otherProcess()).grants[0]?.orgName).to.equal("Org a2");
  });

  it("knows all secrets, also those that are not stored yet", async () => {
    const texts = () => harness.grantStore.secrets().map((secret) => secret.reveal());
    expect(texts()).to.deep.equal([]);
    const base = grantOf(orgA, "a", 0);
    await harness.grantStore.setClient(client);
    await harness.grantStore.setProxyPassword(new Secret("SECRET-proxy"));
    await harness.grantStore.storeGrant(base);
    const stored = ["SECRET-client", "SECRET-proxy", "SECRET-access-a", "SECRET-refresh-a"];
    expect(texts()).to.deep.equal(stored);
    harness.store.fault = keychainLockedFault();
    await harness.grantStore.storeRefreshed(base, grantOf(orgA, "a2", 0));
    expect(texts()).to.include.members(["SECRET-access-a2", "SECRET-refresh-a2"]);
  });

  it("knows the tokens of a grant while it is verified, however that ends", async () => {
    const texts = () => harness.grantStore.secrets().map((secret) => secret.reveal());
    const tokens = [new Secret("SECRET-access-b"), new Secret("SECRET-refresh-b")];
    expect(await harness.grantStore.verifying(tokens, async () => texts())).to.deep.equal([
      "SECRET-access-b",
      "SECRET-refresh-b",
    ]);
    expect(texts()).to.deep.equal([]);
    const failed = harness.grantStore.verifying(tokens, () => Promise.reject(new Error("refused")));
    expect(await failed.catch((error: unknown) => (error as Error).message)).to.equal("refused");
    expect(texts()).to.deep.equal([]);
  });

  it("discards an unsaved grant that another process has replaced or revoked", async () => {
    for (const act of ["replace", "revoke"] as const) {
      const base = grantOf(orgA, "a", 0);
      await harness.grantStore.storeGrant(base);
      harness.store.fault = keychainLockedFault();
      await harness.grantStore.storeRefreshed(base, grantOf(orgA, "a2", 0));
      const other = await harness.otherProcess();
      if (act === "replace") await other.grantStore.storeGrant(grantOf(orgA, "other", 0));
      else await other.grantStore.removeGrant(orgA);
      harness.store.fault = null;
      await harness.grantStore.reload();
      expect(ready().grants.map((g) => g.orgName)).to.deep.equal(
        act === "replace" ? ["Org other"] : [],
      );
      expect(harness.grantStore.findGrant(orgA).unsaved).to.equal(null);
    }
  });

  it("runs writes one after another", async () => {
    const store = new SecretStoreFake();
    let inside = 0;
    let most = 0;
    const get = store.get.bind(store);
    store.get = async (account) => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      return get(account);
    };
    const b = new AuthorizationHarness(store);
    await Promise.all([
      b.grantStore.storeGrant(grantOf(orgA, "a", 0)),
      b.grantStore.storeGrant(grantOf(orgB, "b", 0)),
      b.grantStore.reload(),
    ]);
    expect(most).to.equal(1);
    expect(ready(b).grants).to.have.length(2);
  });

  it("leaves no timer after stop, which is idempotent", async () => {
    await harness.grantStore.start();
    await harness.grantStore.stop();
    await harness.grantStore.stop();
    expect(harness.clock.pendingTimers).to.equal(0);
  });

  it("stops within a second even if the keychain hangs", async () => {
    await harness.grantStore.setClient(client);
    harness.store.gate = new Promise(() => undefined);
    void harness.grantStore.storeGrant(grantOf(orgA, "a", 0));
    const before = harness.clock.monotonic();
    await harness.clock.until(harness.grantStore.stop());
    expect(harness.clock.monotonic() - before).to.be.below(1_000);
    expect(harness.clock.pendingTimers).to.equal(0);
    harness = new AuthorizationHarness();
  });

  it("reads a stored number that is no valid time as an unknown time", () => {
    const text = encodeGrant(grantOf(orgA, "a", DAY));
    for (const odd of ["1e18", "9007199254740991000", "8640000000000000", "-1"]) {
      const healed = decodeGrant(
        text
          .replace(/ExpiresAt":\d+/g, `ExpiresAt":${odd}`)
          .replace(/grantedAt":\d+/, `grantedAt":${odd}`),
      );
      expect(healed, odd).to.include({
        orgId: orgA,
        grantedAt: 0,
        accessTokenExpiresAt: null,
        refreshTokenExpiresAt: null,
      });
    }
  });

  it("reads the longest grant that Webex's responses can make, and nothing longer", () => {
    const longest = "\u0001".repeat(16_384);
    const grant = grantOf(longest, longest, DAY, {
      authorizedBy: longest,
      scopes: "\u0001 ".repeat(8_192).trim().split(" "),
      clientId: longest,
      apiOrigin: "https://webexapis.com",
      accessToken: new Secret(longest),
      refreshToken: new Secret(longest),
    });
    expect(decodeGrant(encodeGrant(grant))?.orgId).to.equal(longest);
    const text = encodeGrant(grantOf(orgA, "a", DAY));
    const padded = (length: number): string => text + " ".repeat(length - text.length);
    expect(decodeGrant(padded(2 ** 20))?.orgId).to.equal(orgA);
    expect(decodeGrant(padded(2 ** 20 + 1))).to.equal(null);
  });

  it("round-trips a grant, and rejects records of another shape", () => {
    const grant = grantOf(orgA, "a", DAY, { refreshTokenExpiresAt: null });
    const back = decodeGrant(encodeGrant(grant));
    expect(back && encodeGrant(back)).to.equal(encodeGrant(grant));
    for (const text of [
      "",
      "null",
      "[]",
      "{}",
      '{"version":1}',
      encodeGrant(grant).replace('"version":1', '"version":2'),
    ]) {
      expect(decodeGrant(text)).to.equal(null);
    }
  });
});
