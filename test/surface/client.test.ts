import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

const { protocolTypes, PROTOCOL_TYPES } = (await import(
  pathToFileURL(join(process.cwd(), "scripts", "protocol-types.mjs")).href
)) as { protocolTypes: () => Promise<string>; PROTOCOL_TYPES: string };

const declarations = readFileSync("dist/client.d.cts", "utf8");

describe("ucx-webex-presence/client", function () {
  this.timeout(20_000);

  it("has a type for each method and notification of openrpc.json", async () => {
    expect(readFileSync(PROTOCOL_TYPES, "utf8"), "otherwise: npm run generate").to.equal(
      await protocolTypes(),
    );
    const { methods } = JSON.parse(readFileSync("openrpc.json", "utf8")) as {
      methods: { name: string }[];
    };
    for (const { name } of methods) {
      const members = new RegExp(`^  readonly "?${name}"?:\\s`, "gm");
      expect(declarations.match(members), name).to.have.length(2);
    }
  });

  it("declares what the bundle exports, and nothing that is not there", () => {
    const exported = createRequire(import.meta.url)(resolve("dist/client.cjs")) as object;
    const declared = [...declarations.matchAll(/^export declare class (\w+)/gm)].map(
      ([, name]) => name,
    );
    expect(Object.keys(exported).sort()).to.deep.equal(declared.sort());
  });

  it("needs no other declarations, and hides what is for tests", () => {
    expect(declarations).not.to.match(
      /^import |\bimport\(|<reference|NodeJS\.|Buffer|ChildProcess/m,
    );
    expect(declarations).not.to.contain("@internal");
  });
});
