import { expect } from "chai";

import type { SecretStore } from "../../src/ports/secret-store.js";
import { faultOf } from "./http-fixture.js";

/** Within one test, each call of `open` returns a store with the same content. */
export function secretStoreContract(open: () => SecretStore): void {
  const long = (bytes: number): string =>
    JSON.stringify({ version: 1, text: "é𝄞x".repeat(Math.ceil(bytes / 7)) });

  it("is empty at first", async () => {
    expect(await open().get("absent")).to.equal(null);
    expect(await open().delete("absent")).to.equal(false);
  });

  it("returns a value that was set, and none after it was deleted", async () => {
    const store = open();
    await store.set("client", '{"version":1}');
    expect(await store.get("client")).to.equal('{"version":1}');
    expect(await store.delete("client")).to.equal(true);
    expect(await store.get("client")).to.equal(null);
    expect(await store.delete("client")).to.equal(false);
  });

  it("replaces a value, and keeps accounts apart", async () => {
    const store = open();
    await store.set("one", "1");
    await store.set("two", "2");
    await store.set("one", "3");
    expect([await store.get("one"), await store.get("two")]).to.deep.equal(["3", "2"]);
  });

  it("keeps values of any length, growing and shrinking", async () => {
    const store = open();
    for (const size of [100, 10_240, 30_000, 2_559, 2_600, 10, 5_200]) {
      const value = long(size);
      await store.set("grant:x", value);
      expect(await store.get("grant:x")).to.equal(value);
    }
    expect(await store.delete("grant:x")).to.equal(true);
    expect(await store.get("grant:x")).to.equal(null);
  });

  it("keeps a value that looks like an index entry", async () => {
    const store = open();
    await store.set("odd", "split:a:3:0123456789abcdef");
    expect(await store.get("odd")).to.equal("split:a:3:0123456789abcdef");
  });

  it("rejects an empty value and one with a NUL, and keeps the current one", async () => {
    const store = open();
    await store.set("kept", "value");
    for (const value of ["", "a\0b"]) {
      expect((await faultOf(store.set("kept", value))).code).to.equal("defect");
    }
    expect(await store.get("kept")).to.equal("value");
  });

  it("runs concurrent calls one after another", async () => {
    const store = open();
    const values = Array.from({ length: 10 }, (_, i) => long(i * 700 + 1));
    await Promise.all(values.map((value, i) => store.set(`many:${i}`, value)));
    const stored = await Promise.all(values.map((_, i) => store.get(`many:${i}`)));
    expect(stored).to.deep.equal(values);
  });
}
