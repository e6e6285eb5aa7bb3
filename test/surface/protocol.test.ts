import { readFileSync } from "node:fs";

import { Ajv } from "ajv";
import { expect } from "chai";

import {
  PROBLEM_SEVERITY,
  type ProblemCode,
  type ProblemDetail,
  problemText,
} from "../../src/faults/problem-catalog.js";
import { normalizeAddress } from "../../src/presence/address.js";
import { mapWebexStatus, PRESENCE_REASONS } from "../../src/presence/record.js";
import { RpcCode } from "../../src/rpc/errors.js";
import { openRpcDocument } from "../../src/rpc/openrpc.js";
import { PARAMS } from "../../src/rpc/params.js";
import { NOTIFICATIONS } from "../../src/rpc/results.js";
import { defaultSettings, settingsValues } from "../../src/settings/keys.js";
import type { WorkerStatus } from "../../src/supervisor/status.js";
import { codesIn, MarkdownPage, publishedPages } from "../support/markdown-page-fixture.js";

interface Described {
  readonly name: string;
  readonly summary: string;
  readonly paramStructure?: string;
  readonly params: readonly { name: string; required: boolean; schema: object }[];
  readonly result?: { readonly name: string; readonly schema: object };
  readonly errors?: readonly { readonly code: number; readonly message: string }[];
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(name, "utf8"));

const published = readJson("openrpc.json") as {
  readonly openrpc: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly methods: Described[];
  readonly "x-notifications": (Described & { "x-direction": string })[];
  readonly components: { readonly schemas: Record<string, object> };
};
const notifications = published["x-notifications"].filter(
  (notification) => notification["x-direction"] === "worker to host",
);
const described = new Map(
  [...published.methods, ...notifications].map((each) => [each.name, each]),
);

describe("openrpc.json", () => {
  it("is up to date (otherwise: npm run generate)", () => {
    const { version } = readJson("package.json") as { version: string };
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
      const codes = method.errors!.map((e) => e.code);
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
    expect(params("presence/get")[1]!.schema).to.deep.include({ minimum: 0, maximum: 30_000 });
    expect(params("presence/get")[2]).to.deep.include({ name: "maxAgeSeconds", required: false });
    expect(params("presence/get")[2]!.schema).to.deep.include({ minimum: 0, maximum: 3_600 });
    expect(params("worker/status")).to.deep.equal([]);
  });
});

const ajv = new Ajv({ strict: false, allErrors: true });

/** Returns null for a value that conforms to the schema and has no additional members. */
function schemaError(schema: object, value: unknown): string | null {
  const validate = ajv.compile(closed({ ...schema, components: published.components }) as object);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

/** Forbids unknown members, which the worker would ignore, but an example must not show. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const made = Object.fromEntries(
    Object.entries(schema).map(([key, inner]) => [key, closed(inner)]),
  );
  return "properties" in made && !("additionalProperties" in made)
    ? { ...made, additionalProperties: false }
    : made;
}

function schemaOfParams({ params }: Described): object {
  return {
    type: "object",
    properties: Object.fromEntries(params.map(({ name, schema }) => [name, schema])),
    required: params.filter(({ required }) => required).map(({ name }) => name),
  };
}

function errorSchemaError(method: Described, value: unknown): string | null {
  const codes = [-32600, ...(method.errors ?? []).map(({ code }) => code)];
  const schema = {
    type: "object",
    properties: {
      code: { enum: codes },
      message: { type: "string" },
      data: { type: "object", additionalProperties: true },
    },
    required: ["code", "message"],
  };
  return schemaError(schema, value);
}

const page = new MarkdownPage("docs/protocol.md");
const examples = page.fences.filter(({ info }) => info.startsWith("json "));
const statusExamples = examples
  .filter(({ info }) => /^json worker\/status(Changed params| result)$/.test(info))
  .map(({ text, line }) => ({ line, status: JSON.parse(text) as WorkerStatus }));

/** What the texts of problems in examples are about, where the catalogue's text varies. */
const EXAMPLE_DETAILS: Partial<Record<ProblemCode, ProblemDetail>> = {
  authorizationRequired: {
    account: "svc-ucx",
    logFile: "/var/lib/ucx/.local/state/ucx-webex-presence/worker.log",
  },
};

describe("docs/protocol.md", () => {
  it("has a heading for each method and each notification, and for no other", () => {
    const headings = page.headings.filter(
      (heading) => described.has(heading) || /^\$?\w+\/\w+$|^rpc\./.test(heading),
    );
    expect(headings).to.have.members([...described.keys()]);
    for (const { name } of published["x-notifications"]) expect(page.text).to.include(name);
  });

  for (const { info, text, line } of examples) {
    it(`has a valid example: ${info} (line ${line})`, () => {
      const value = JSON.parse(text) as unknown;
      const [, name = "", kind] = info.split(" ");
      if (name === "PresenceRecord") {
        expect(schemaError({ $ref: "#/components/schemas/PresenceRecord" }, value)).to.equal(null);
        return;
      }
      const method = described.get(name);
      if (method === undefined) throw new Error(`There is no ${name}.`);
      expect(kind).to.be.oneOf(["params", "result", "error"]);
      if (kind === "params") expect(schemaError(schemaOfParams(method), value)).to.equal(null);
      else if (kind === "error") expect(errorSchemaError(method, value)).to.equal(null);
      else expect(schemaError(method.result?.schema ?? { not: {} }, value)).to.equal(null);
    });
  }

  it("shows the parameters and the result of each method under its heading", () => {
    for (const [name, { params, result }] of described) {
      const shown = page.section(name).fences.map(({ info }) => info);
      if (params.length > 0) expect(shown, name).to.include(`json ${name} params`);
      if (result !== undefined) expect(shown, name).to.include(`json ${name} result`);
    }
  });

  it("shows problems with the severity and the text of the catalogue", () => {
    const problems = statusExamples.flatMap(({ status }) => status.problems);
    expect(problems).to.have.length.of.at.least(2);
    for (const { code, severity, message, hint } of problems) {
      expect({ severity, message, hint }, code).to.deep.equal({
        severity: PROBLEM_SEVERITY[code],
        ...problemText(code, EXAMPLE_DETAILS[code] ?? {}),
      });
    }
  });

  it("shows the value of every setting that has one by default, in their order", () => {
    expect(statusExamples).to.have.length.of.at.least(2);
    for (const { status, line } of statusExamples) {
      expect(Object.keys(status.settings.values), `line ${line}`).to.deep.equal(
        Object.keys(settingsValues(defaultSettings)),
      );
    }
  });

  it("would detect an invalid example", () => {
    const get = described.get("presence/get")!;
    expect(schemaError(schemaOfParams(get), { uri: "a@example.com", maxWait: 5 })).to.match(
      /additional/,
    );
    expect(schemaError(schemaOfParams(get), {})).to.match(/uri/);
    expect(schemaError(get.result!.schema, { uri: "a@example.com" })).to.match(/state/);
    expect(errorSchemaError(get, { code: 1104, message: "" })).to.match(/code/);
  });

  it("documents the states of the code", () => {
    const [rows = []] = page.section("States").tables;
    expect(rows).to.have.length(11);
    for (const [status = "", state, basic, activities, reason] of rows) {
      const verbatim = status === "absent" ? null : (codesIn(status)[0] ?? "somethingNew");
      const presence = mapWebexStatus(verbatim);
      const cell = (value: string | null | undefined): string =>
        typeof value === "string" ? `\`${value}\`` : "–";
      expect([state, basic, activities, reason], status).to.deep.equal([
        cell(presence.state),
        cell(presence.basic),
        cell(presence.activities[0]),
        cell(presence.reason),
      ]);
    }
  });

  it("documents every reason", () => {
    const [rows = []] = page.section("Reasons").tables;
    expect(new Set(rows.flatMap(([, reason = ""]) => codesIn(reason)))).to.deep.equal(
      new Set(PRESENCE_REASONS),
    );
  });

  it("normalizes addresses as the code does", () => {
    const [rows = []] = page.section("Addresses").tables;
    expect(rows.length).to.be.greaterThan(3);
    for (const [requests = "", compared = ""] of rows) {
      expect(normalizeAddress(codesIn(requests)[0]!) ?? "invalidUri", requests).to.equal(
        codesIn(compared)[0],
      );
    }
  });
});

describe("examples of messages with headers", () => {
  const framed = publishedPages().flatMap(({ path, text }) =>
    [...text.matchAll(/Content-Length: (\d+)(?:\\r\\n)?\n(?:\\r\\n)?\n(\{.*\})\n/g)].map(
      ([, length, body]) => ({ path, length, body }),
    ),
  );

  it("exist in the README and on the pages of the protocol and the simulator", () => {
    expect(new Set(framed.map(({ path }) => path))).to.include.members([
      "README.md",
      "docs/protocol.md",
      "docs/simulator.md",
    ]);
  });

  it("have the right length, and valid parameters and results", () => {
    const requests = new Map<unknown, Described>();
    for (const { path, length, body } of framed) {
      expect(Number(length), `${path}: ${body!.slice(0, 60)}`).to.equal(Buffer.byteLength(body!));
      const { id, method, params, result } = JSON.parse(body!) as Record<string, unknown>;
      if (result !== undefined) {
        expect(schemaError(requests.get(`${path} ${String(id)}`)!.result!.schema, result)).to.equal(
          null,
        );
        continue;
      }
      const known = described.get(method as string)!;
      expect(schemaError(schemaOfParams(known), params ?? {})).to.equal(null);
      requests.set(`${path} ${String(id)}`, known);
    }
  });
});
