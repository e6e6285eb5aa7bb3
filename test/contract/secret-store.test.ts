import { expect } from "chai";
import fc from "fast-check";

import { KeytarLoadError } from "../../src/platform/keytar-binding.js";
import { KeytarStore, MemoryStore, splitText } from "../../src/platform/secret-store.js";
import { faultOf } from "../support/http-fixture.js";
import { requireKeychain, startKeychain, type TestKeychain } from "../support/keychain-fixture.js";
import { FakeKeytar } from "../support/keytar-fake.js";
import { secretStoreContract } from "../support/secret-store-contract.js";
import { IS_WINDOWS } from "../support/windows-fixture.js";

describe("SecretStore contract: MemoryStore", () => {
  let store: MemoryStore;
  beforeEach(() => (store = new MemoryStore()));
  secretStoreContract(() => store);
});

describe("SecretStore contract: KeytarStore on a fake keytar", () => {
  let keytar: FakeKeytar;
  beforeEach(() => (keytar = new FakeKeytar()));
  secretStoreContract(
    () => new KeytarStore({ account: "svc", platform: "windows", binding: keytar }),
  );
});

describe("SecretStore contract: KeytarStore on a real keychain", function () {
  this.timeout(60_000);
  let keychain: TestKeychain | null = null;
  before(async function () {
    requireKeychain(this);
    keychain = await startKeychain();
  });
  after(() => keychain?.stop());
  let store: KeytarStore;
  beforeEach(() => {
    const platform = IS_WINDOWS ? "windows" : "linux";
    store = new KeytarStore({ account: "svc", platform, environment: keychain?.env ?? {} });
  });
  secretStoreContract(() => store);
});

describe("KeytarStore on a faulty keyring", () => {
  let keytar: FakeKeytar;
  let store: KeytarStore;
  beforeEach(() => {
    keytar = new FakeKeytar();
    const owner = { account: "svc-ucx", platform: "linux" } as const;
    store = new KeytarStore({ ...owner, binding: keytar, callTimeoutMs: 40 });
  });

  it("does not mistake a locked keyring's null for a missing value, and names the account", async () => {
    keytar.values.set("client", "x");
    keytar.state = "locked";
    const fault = await faultOf(store.get("client"));
    expect(fault.code).to.equal("keychainLocked");
    expect(fault.hint).to.include("svc-ucx");
    expect((await faultOf(store.delete("client"))).code).to.equal("keychainLocked");
    keytar.state = "open";
    expect(await store.get("client")).to.equal("x");
  });

  it("detects a keyring that is locked after it worked", async () => {
    await store.set("client", "x");
    keytar.state = "locked";
    expect((await faultOf(store.get("client"))).code).to.equal("keychainLocked");
  });

  it("verifies the store once, at its first use, and leaves no probe value", async () => {
    keytar.values.set("client", "x");
    await store.get("client");
    const first = keytar.calls.filter((c) => c.includes("probe:")).length;
    await store.get("client");
    expect(first).to.equal(3);
    expect(keytar.calls.filter((c) => c.includes("probe:"))).to.have.length(3);
    expect([...keytar.values.keys()]).to.deep.equal(["client"]);
  });

  it("times out on a frozen keyring, fails fast until it responds, and then works again", async () => {
    await store.set("client", "x");
    keytar.state = "frozen";
    expect((await faultOf(store.get("client"))).code).to.equal("keychainUnavailable");
    const calls = keytar.calls.length;
    expect((await faultOf(store.get("client"))).code).to.equal("keychainUnavailable");
    expect(keytar.calls).to.have.length(calls);
    keytar.unfreeze();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await store.get("client")).to.equal("x");
    expect(keytar.maxInFlight).to.equal(1);
  });

  it("reconnects after the keyring was restarted", async () => {
    await store.set("client", "x");
    keytar.state = "gone";
    const discard = keytar.discard.bind(keytar);
    keytar.discard = () => {
      discard();
      keytar.state = "open";
    };
    expect(await store.get("client")).to.equal("x");
    expect(keytar.discards).to.equal(1);
  });

  it("names what to install if the library cannot be loaded", async () => {
    keytar.setPassword = () => Promise.reject(new KeytarLoadError("no libsecret"));
    const fault = await faultOf(store.get("client"));
    expect(fault.code).to.equal("keychainUnavailable");
    expect(fault.hint).to.include("libsecret-1-0");
  });

  it("never has two calls in flight", async () => {
    await Promise.all([
      store.set("a", "1"),
      store.get("a"),
      store.get("b"),
      store.delete("a"),
      store.set("c", "2".repeat(6000)),
    ]);
    expect(keytar.maxInFlight).to.equal(1);
  });

  it("leaves the old value or the new one whole after a crash at any write", async () => {
    const values = ["s", "x".repeat(9_000), "y".repeat(12_000), "z".repeat(5_000), "t"];
    for (const before of values) {
      for (const after of values) {
        for (let writes = 0; writes < 8; writes += 1) {
          const crashing = new FakeKeytar();
          const open = () =>
            new KeytarStore({ account: "a", platform: "windows", binding: crashing });
          await open().set("v", before);
          crashing.crashAfterWrites = writes;
          const setting = open().set("v", after);
          await setting.catch(() => undefined);
          crashing.crashAfterWrites = Infinity;
          const reopened = open();
          expect(await reopened.get("v")).to.be.oneOf([before, after]);
          await reopened.set("v", after);
          expect(await reopened.get("v")).to.equal(after);
          await reopened.delete("v");
          expect([...crashing.values.keys()].filter((k) => k.startsWith("v"))).to.deep.equal([]);
        }
      }
    }
  });

  it("does not read the parts of more than a thousand, or what no part belongs to", async () => {
    for (const entry of ["split:a:1000:0123456789abcdef", "split:a:99999:0123456789abcdef"]) {
      keytar.values.set("v", entry);
      keytar.values.set("v#a.0", "x");
      const calls = keytar.calls.length;
      expect(await store.get("v")).to.equal(entry);
      expect(keytar.calls.slice(calls).join()).not.to.contain("#a.");
    }
    const setting = store.set("v", "x".repeat(2_560 * 999 + 1));
    expect((await faultOf(setting)).code).to.equal("defect");
    expect(keytar.values.get("v")).to.contain("split:");
  });

  it("reads again if another process replaces the value in the meantime", async () => {
    await store.set("v", "x".repeat(6_000));
    const other = new KeytarStore({ account: "a", platform: "linux", binding: keytar });
    const get = keytar.getPassword.bind(keytar);
    let raced = false;
    keytar.getPassword = async (service, account) => {
      if (account === "v#a.1" && !raced) {
        raced = true;
        await other.set("v", "y".repeat(6_000));
      }
      return get(service, account);
    };
    expect(await store.get("v")).to.equal("y".repeat(6_000));
    expect(raced).to.equal(true);
  });

  it("splits text into parts that fit and join to the text, without splitting surrogate pairs", () => {
    const anyText = fc.string({ unit: "binary", maxLength: 300 });
    const property = fc.property(anyText, fc.integer({ min: 4, max: 40 }), (text, max) => {
      const parts = splitText(text, max);
      expect(parts.join("")).to.equal(text);
      for (const part of parts) {
        expect(Buffer.byteLength(part)).to.be.at.most(max);
        expect(Buffer.from(part).toString()).to.equal(part);
      }
    });
    fc.assert(property);
  });
});
