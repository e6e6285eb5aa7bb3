import { expect } from "chai";

import { Secret } from "../../../src/faults/secret.js";
import { decodeGrant, encodeGrant, grantAccount } from "../../../src/authorization/vault-records.js";
import type { VaultState } from "../../../src/authorization/vault-state.js";
import { Bench, client, DAY, faultOf, FlakyStore, grantOf, locked, orgA, orgB } from "./fixtures.js";

type Ready = Extract<VaultState, { kind: "ready" }>;

describe("vault", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.vault.stop());

  const ready = (b: Bench = bench): Ready => {
    if (b.vault.state.kind !== "ready") throw new Error(`The vault is ${b.vault.state.kind}.`);
    return b.vault.state;
  };

  it("gives the same content to a new process, grants in the order of authorization", async () => {
    const now = bench.clock.now();
    const [a, b] = [grantOf(orgB, "b", now), grantOf(orgA, "a", now, { accessTokenExpiresAt: null, authorizedBy: null })];
    await bench.vault.setClient(client);
    await bench.vault.setProxyPassword(new Secret("SECRET-proxy"));
    await bench.vault.storeGrant(a);
    await bench.vault.storeGrant(b);
    const state = ready(await bench.other());
    expect(state.grants.map(encodeGrant)).to.deep.equal([a, b].map(encodeGrant));
    expect(state.client?.clientSecret.reveal()).to.equal("SECRET-client");
    expect(state.proxyPassword?.reveal()).to.equal("SECRET-proxy");
  });

  it("keeps an organization's place when it is authorized again", async () => {
    for (const [org, name] of [
      [orgA, "a"],
      [orgB, "b"],
      [orgA, "a2"],
    ] as const)
      await bench.vault.storeGrant(grantOf(org, name, 0));
    expect(ready().grants.map((g) => g.orgName)).to.deep.equal(["Org a2", "Org b"]);
    expect(ready(await bench.other()).grants.map((g) => g.orgName)).to.deep.equal(["Org a2", "Org b"]);
  });

  it("uses the accounts of the contract, and version 1", async () => {
    await bench.vault.setClient(client);
    await bench.vault.setProxyPassword(new Secret("x"));
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    for (const account of ["client", "proxy", "grants", "grant:11111111-aaaa-4aaa-8aaa-111111111111"]) {
      expect(JSON.parse((await bench.store.inner.get(account)) ?? "null")).to.have.property("version", 1);
    }
    expect(JSON.parse((await bench.store.inner.get("grants")) ?? "")).to.deep.equal({ version: 1, organizations: [orgA] });
    expect(grantAccount("not base64/ä")).to.equal("grant:not%20base64%2F%C3%A4");
  });

  it("writes the grant before the index", async () => {
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    expect(bench.store.log.filter((l) => l.startsWith("set"))).to.deep.equal([`set ${grantAccount(orgA)}`, "set grants"]);
  });

  it("removes a grant with its place in the index, and deletes the proxy's password", async () => {
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.vault.setProxyPassword(new Secret("x"));
    await bench.vault.removeGrant(orgA);
    await bench.vault.setProxyPassword(null);
    expect(ready().grants).to.deep.equal([]);
    expect(await bench.store.inner.get(grantAccount(orgA))).to.equal(null);
    expect(await bench.store.inner.get("proxy")).to.equal(null);
    expect(ready().proxyPassword).to.equal(null);
  });

  it("goes on with the last content while the store is out of reach, and tries again within 10 s", async () => {
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.vault.start();
    bench.store.fault = locked();
    await bench.clock.advance(30_000);
    expect(ready().fault?.code).to.equal("keychainLocked");
    expect(ready().grants).to.have.length(1);
    bench.store.fault = null;
    await bench.clock.advance(10_000);
    expect(ready().fault).to.equal(null);
  });

  it("is unavailable, not empty, when it was never read", async () => {
    bench.store.fault = locked();
    await bench.vault.start();
    expect(bench.vault.state).to.have.property("kind", "unavailable");
    expect((await faultOf(bench.vault.reload())).code).to.equal("keychainLocked");
    bench.store.fault = null;
    await bench.clock.advance(10_000);
    expect(ready().grants).to.deep.equal([]);
  });

  it("notices within 60 s what another process changed", async () => {
    await bench.vault.start();
    const states: VaultState[] = [];
    bench.vault.events.on("contentChanged", (s) => states.push(s));
    await (await bench.other()).vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.clock.advance(60_000);
    expect(ready().grants).to.have.length(1);
    expect(states).to.have.length(1);
  });

  it("tells nothing when nothing changed", async () => {
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.vault.start();
    const states: VaultState[] = [];
    bench.vault.events.on("contentChanged", (s) => states.push(s));
    await bench.clock.advance(300_000);
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    expect(states).to.deep.equal([]);
  });

  it("leaves alone what it cannot read, says so once, and lets a new authorization take its place", async () => {
    const account = grantAccount(orgA);
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.store.inner.set(account, '{"version":2,"future":true}');
    await bench.store.inner.set("client", "not json");
    await bench.vault.start();
    await bench.clock.advance(120_000);
    expect(ready().unusable).to.deep.equal(["client", account]);
    expect(ready().grants).to.deep.equal([]);
    expect(ready().lost).to.deep.equal([orgA]);
    expect(await bench.store.inner.get(account)).to.equal('{"version":2,"future":true}');
    expect(bench.logger.records.filter((r) => r.fields.account === account)).to.have.length(1);
    await bench.vault.storeGrant(grantOf(orgA, "new", 0));
    expect(ready().grants).to.have.length(1);
    expect(ready().lost).to.deep.equal([]);
    expect(ready().unusable).to.deep.equal(["client"]);
  });

  it("counts a grant that the index names and nobody has as lost, until its place is removed", async () => {
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.vault.storeGrant(grantOf(orgB, "b", 0));
    await bench.store.inner.delete(grantAccount(orgA));
    await bench.vault.reload();
    expect(ready().grants.map((g) => g.orgId)).to.deep.equal([orgB]);
    expect(ready().unusable).to.deep.equal([grantAccount(orgA)]);
    expect(ready().lost).to.deep.equal([orgA]);
    await bench.vault.removeGrant(orgA);
    const { lost, unusable } = ready();
    expect({ lost, unusable }).to.deep.equal({ lost: [], unusable: [] });
    await bench.vault.reload();
    expect(ready().lost).to.deep.equal([]);
  });

  it("loses nothing where the index spells one organization in two ways", async () => {
    const european = Buffer.from(orgA, "base64url").toString().replace("//us/", "//eu/");
    await bench.vault.storeGrant(grantOf(Buffer.from(european).toString("base64url"), "a", 0));
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    await bench.vault.reload();
    expect(ready().grants.map((g) => g.orgId)).to.deep.equal([orgA]);
    expect(ready().lost).to.deep.equal([]);
  });

  it("begins an unreadable index anew only for a new authorization, and says so", async () => {
    await bench.store.inner.set("grants", '{"version":9}');
    await bench.vault.reload();
    expect(ready().grants).to.deep.equal([]);
    expect(await bench.store.inner.get("grants")).to.equal('{"version":9}');
    await bench.vault.storeGrant(grantOf(orgA, "a", 0));
    expect(ready(await bench.other()).grants).to.have.length(1);
    expect(bench.logger.text).to.include("begun anew");
  });

  it("holds a refreshed grant that cannot be stored, and stores it at the next try", async () => {
    const base = grantOf(orgA, "a", 0);
    await bench.vault.storeGrant(base);
    await bench.vault.start();
    bench.store.fault = locked();
    expect(await bench.vault.keepRefreshed(base, grantOf(orgA, "a2", 0))).to.equal("held");
    expect(bench.vault.grantOf(orgA).held?.orgName).to.equal("Org a2");
    expect(ready().grants[0]?.orgName).to.equal("Org a");
    bench.store.fault = null;
    await bench.clock.advance(10_000);
    expect(bench.vault.grantOf(orgA)).to.have.property("held", null);
    expect(ready(await bench.other()).grants[0]?.orgName).to.equal("Org a2");
  });

  it("does not write a held grant over another process's authorization, nor bring a revoked one back", async () => {
    for (const act of ["replace", "revoke"] as const) {
      const base = grantOf(orgA, "a", 0);
      await bench.vault.storeGrant(base);
      bench.store.fault = locked();
      await bench.vault.keepRefreshed(base, grantOf(orgA, "a2", 0));
      const other = await bench.other();
      if (act === "replace") await other.vault.storeGrant(grantOf(orgA, "other", 0));
      else await other.vault.removeGrant(orgA);
      bench.store.fault = null;
      await bench.vault.reload();
      expect(ready().grants.map((g) => g.orgName)).to.deep.equal(act === "replace" ? ["Org other"] : []);
      expect(bench.vault.grantOf(orgA).held).to.equal(null);
    }
  });

  it("runs writers one after another", async () => {
    const store = new FlakyStore();
    let inside = 0;
    let most = 0;
    const get = store.get.bind(store);
    store.get = async (account) => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      return get(account);
    };
    const b = new Bench(store);
    await Promise.all([b.vault.storeGrant(grantOf(orgA, "a", 0)), b.vault.storeGrant(grantOf(orgB, "b", 0)), b.vault.reload()]);
    expect(most).to.equal(1);
    expect(ready(b).grants).to.have.length(2);
  });

  it("stops: no timer stays, and stopping twice is well", async () => {
    await bench.vault.start();
    await bench.vault.stop();
    await bench.vault.stop();
    expect(bench.clock.pendingTimers).to.equal(0);
  });

  it("stops within a second although the store hangs", async () => {
    await bench.vault.setClient(client);
    bench.store.gate = new Promise(() => undefined);
    void bench.vault.storeGrant(grantOf(orgA, "a", 0));
    const before = bench.clock.monotonic();
    await bench.clock.until(bench.vault.stop());
    expect(bench.clock.monotonic() - before).to.be.below(1_000);
    expect(bench.clock.pendingTimers).to.equal(0);
    bench = new Bench();
  });

  it("takes a stored number that is no time for one not known, and keeps the grant", () => {
    const text = encodeGrant(grantOf(orgA, "a", DAY));
    for (const odd of ["1e18", "9007199254740991000", "8640000000000000", "-1"]) {
      const healed = decodeGrant(
        text.replace(/ExpiresAt":\d+/g, `ExpiresAt":${odd}`).replace(/grantedAt":\d+/, `grantedAt":${odd}`),
      );
      expect(healed, odd).to.include({ orgId: orgA, grantedAt: 0, accessTokenExpiresAt: null, refreshTokenExpiresAt: null });
    }
  });

  it("round-trips a grant, and refuses records of another shape", () => {
    const grant = grantOf(orgA, "a", DAY, { refreshTokenExpiresAt: null });
    const back = decodeGrant(encodeGrant(grant));
    expect(back && encodeGrant(back)).to.equal(encodeGrant(grant));
    for (const text of ["", "null", "[]", "{}", '{"version":1}', encodeGrant(grant).replace('"version":1', '"version":2')]) {
      expect(decodeGrant(text)).to.equal(null);
    }
  });
});
