import { expect } from "chai";

import { bytesContainSecret } from "../../../src/faults/secret-search.js";
import { Secret } from "../../../src/faults/secret.js";

const TOKEN = "ZDI3MGEyYzQ+NmFlNS/0NDNhLWFl_PF84_1eb65fdf";
const found = (text: string, ...secrets: string[]): boolean =>
  bytesContainSecret(
    new TextEncoder().encode(text),
    secrets.map((secret) => new Secret(secret)),
  );

describe("faults/secret-search", () => {
  it("finds a secret at every place of a text", () => {
    for (let before = 0; before < 100; before += 1) {
      const text = `${"Z".repeat(before)}${TOKEN}${"f".repeat(100 - before)}`;
      expect(found(text, "another secret", TOKEN)).to.equal(true);
      expect(found(text.replace("NDN", "NND"), TOKEN)).to.equal(false);
    }
  });

  it("finds it in the middle of any Base64", () => {
    for (const encoding of ["base64", "base64url"] as const)
      for (let before = 0; before < 4; before += 1)
        for (let after = 0; after < 4; after += 1) {
          const text = `${"a".repeat(before)}${TOKEN}${"b".repeat(after)}`;
          expect(found(Buffer.from(text).toString(encoding), TOKEN)).to.equal(true);
        }
  });

  it("finds it as a member of JSON, and secrets that are not ASCII", () => {
    const password = 'päss "word" \\ 12';
    expect(found(JSON.stringify({ a: password }), password)).to.equal(true);
    expect(found(`x${password}`, password)).to.equal(true);
    expect(found("x", "\ud800 is half of a character")).to.equal(false);
  });

  it("ignores what may occur by chance, and a part of a secret", () => {
    expect(found("a short one", "short")).to.equal(false);
    expect(found(TOKEN.slice(1), TOKEN)).to.equal(false);
    expect(found("", TOKEN)).to.equal(false);
    expect(found(TOKEN)).to.equal(false);
  });
});
