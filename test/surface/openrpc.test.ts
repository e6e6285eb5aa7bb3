import { readFileSync } from "node:fs";

import { expect } from "chai";

import { PARAMS } from "../../src/rpc/params.js";
import { RpcCode } from "../../src/rpc/errors.js";
import { openRpcDocument } from "../../src/rpc/openrpc.js";
import { NOTIFICATIONS } from "../../src/rpc/results.js";

interface Descriptor {
  readonly name: string;
  readonly required: boolean;
  readonly schema: object;
}
interface Method {
  readonly name: string;
  readonly summary: string;
  readonly paramStructure?: string;
  readonly params: Descriptor[];
  readonly result: { name: string; schema: object };
  readonly errors: { code: number; message: string }[];
}
interface Document {
  readonly openrpc: string;
  readonly info: { title: string; version: string };
  readonly methods: Method[];
  readonly "x-notifications": Omit<Method, "result" | "errors">[];
  readonly components: { schemas: Record<string, object> };
}

function packageFile(name: string): unknown {
  return JSON.parse(readFileSync(name, "utf8"));
}

describe("openrpc.json", () => {
  const published = packageFile("openrpc.json") as Document;

  it("is up to date (otherwise: npm run generate)", () => {
    const { version } = packageFile("package.json") as { version: string };
    expect(published).to.deep.equal(JSON.parse(JSON.stringify(openRpcDocument(version))));
  });

  it("documents each method and each notification once", () => {
    expect(published.methods.map((m) => m.name)).to.deep.equal(Object.keys(PARAMS));
    const notifications = published["x-notifications"].map((n) => n.name);
    expect(notifications).to.include.members([...Object.keys(NOTIFICATIONS), "exit"]);
    expect(new Set(notifications).size).to.equal(notifications.length);
  });

  it("conforms to OpenRPC", () => {
    expect(published.openrpc).to.match(/^1\.\d+\.\d+$/);
    expect(published.info.title).to.be.a("string");
    expect(published.info.version).to.match(/^\d+\.\d+\.\d+$/);
    for (const method of [...published.methods, ...published["x-notifications"]]) {
      expect(method.summary, method.name).to.match(/\.$/);
      const names = method.params.map((p) => p.name);
      expect(new Set(names).size, method.name).to.equal(names.length);
      for (const param of method.params)
        expect(param.schema, `${method.name} ${param.name}`).to.be.an("object");
    }
    for (const method of published.methods) {
      expect(method.paramStructure).to.equal("by-name");
      expect(method.result).to.have.all.keys("name", "schema");
      const codes = method.errors.map((e) => e.code);
      expect(new Set(codes).size, method.name).to.equal(codes.length);
      for (const code of codes) expect(Object.values(RpcCode)).to.include(code);
    }
  });

  it("contains every schema that it references", () => {
    const references = [...JSON.stringify(published).matchAll(/"\$ref":"([^"]*)"/g)].map(
      (m) => m[1]!,
    );
    expect(references).not.to.be.empty;
    for (const reference of references) {
      expect(reference).to.match(/^#\/components\/schemas\//);
      expect(published.components.schemas).to.have.property(
        reference.slice("#/components/schemas/".length),
      );
    }
  });

  it("documents the bounds and required members that the worker checks", () => {
    const params = (name: string) => published.methods.find((m) => m.name === name)!.params;
    expect(params("presence/getMany")[0]).to.deep.include({ name: "uris", required: true });
    expect(params("presence/getMany")[0]!.schema).to.deep.include({
      minItems: 1,
      maxItems: 10_000,
    });
    expect(params("presence/get")[1]).to.deep.include({ name: "maxWaitMs", required: false });
    expect(params("presence/get")[1]!.schema).to.deep.include({
      minimum: 0,
      maximum: 30_000,
      default: 0,
    });
    expect(params("worker/status")).to.deep.equal([]);
  });
});
