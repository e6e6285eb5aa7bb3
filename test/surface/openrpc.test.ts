import { readFileSync } from "node:fs";

import metaSchema from "@json-schema-tools/meta-schema";
import openrpcSchema from "@open-rpc/meta-schema";
import { Ajv } from "ajv";
import { expect } from "chai";

interface Method {
  params: { schema: object }[];
}

interface Document {
  openrpc: string;
  methods: Method[];
  readonly "x-notifications": Method[];
}

const read = (): Document => JSON.parse(readFileSync("openrpc.json", "utf8")) as Document;

// What these packages export is not what their types say.
const { jsonSchema } = metaSchema as unknown as { jsonSchema: { readonly $id: string } };
const { openrpcDocument } = openrpcSchema as unknown as { openrpcDocument: object };

/** OpenRPC's own schema of documents, and the schema of JSON schemas that it refers to. */
const ajv = new Ajv({ strict: false, validateSchema: false, validateFormats: false });
// It refers to it with and without the slash at the end.
for (const $id of [jsonSchema.$id, jsonSchema.$id.replace(/\/$/, "")])
  ajv.addSchema({ ...jsonSchema, $id }, $id);
const validate = ajv.compile(openrpcDocument);

const errorOf = (document: unknown): string | null =>
  validate(document) ? null : ajv.errorsText(validate.errors);

describe("openrpc.json and the schema of OpenRPC", () => {
  it("conforms to it", () => {
    expect(errorOf(read())).to.equal(null);
  });

  it("has notifications of the form of methods", () => {
    const document = read();
    expect(errorOf({ ...document, methods: document["x-notifications"] })).to.equal(null);
  });

  it("would not conform with a mistake in it", () => {
    const mistakes: ((document: Document) => unknown)[] = [
      (document) => (document.openrpc = "1.9.9"),
      (document) => Object.assign(document, { notifications: [] }),
      (document) => Object.assign(document.methods[0]!, { paramStructure: "by-nam" }),
      (document) => Reflect.deleteProperty(document.methods[1]!, "params"),
      (document) => (document.methods[0]!.params[0]!.schema = { type: "sting" }),
    ];
    for (const mistake of mistakes) {
      const document = read();
      mistake(document);
      expect(errorOf(document), mistake.toString()).to.be.a("string");
    }
  });
});
