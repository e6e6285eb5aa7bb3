// The types of the protocol in TypeScript, from openrpc.json.
import { readFile } from "node:fs/promises";

import { compile } from "json-schema-to-typescript";
import { format, resolveConfig } from "prettier";
import ts from "typescript";

export const PROTOCOL_TYPES = "src/client/protocol.ts";

const BANNER = `// Generated from openrpc.json by \`npm run generate\`: do not edit.
/* eslint-disable */`;
/** Of the text in a comment. */
const WIDTH = 90;

/** @returns {Promise<string>} The content of `PROTOCOL_TYPES`. */
export async function protocolTypes() {
  const {
    methods,
    "x-notifications": notifications,
    components,
  } = JSON.parse(
    (await readFile("openrpc.json", "utf8")).replaceAll("#/components/schemas/", "#/definitions/"),
  );
  const received = notifications.filter((each) => each["x-direction"] === "worker to host");
  const paramsOf = (each) => reference(paramsSchema(each), components.schemas);
  const root = {
    definitions: {
      ...components.schemas,
      RequestParams: byName("The parameters of each method.", methods, (method) =>
        withText(method.summary, paramsOf(method)),
      ),
      RequestResults: byName("What each method returns.", methods, ({ result }) => result.schema),
      NotificationParams: byName("The parameters of each notification.", received, (notification) =>
        withText(notification.summary, paramsOf(notification)),
      ),
    },
  };
  const text = await compile(root, "Protocol", {
    additionalProperties: false,
    bannerComment: "",
    format: false,
    // A tuple for an array with a minimum of elements would refuse arrays of unknown length.
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
  });
  const names = "/** The name of a method. */\nexport type MethodName = keyof RequestParams;\n";
  return format(`${BANNER}\n\n${readonlyTypes(shortComments(text))}\n${names}`, {
    ...(await resolveConfig(PROTOCOL_TYPES)),
    parser: "typescript",
  });
}

/** The schema of an object with a member for each method or notification. */
function byName(description, described, schemaOf) {
  return {
    type: "object",
    description,
    properties: Object.fromEntries(described.map((each) => [each.name, schemaOf(each)])),
    required: described.map(({ name }) => name),
  };
}

/** A reference ignores what is beside it. */
function withText(text, schema) {
  const description = text.replace(new RegExp(`(.{1,${WIDTH}})( |$)`, "g"), "$1\n").trim();
  return schema.$ref === undefined ? { ...schema, description } : { description, allOf: [schema] };
}

function paramsSchema({ params }) {
  return {
    type: "object",
    properties: Object.fromEntries(params.map(({ name, schema }) => [name, schema])),
    required: params.filter(({ required }) => required).map(({ name }) => name),
  };
}

/** Replaces a schema that has a name by that name. */
function reference(schema, named) {
  const [name] =
    Object.entries(named).find(
      ([, { properties }]) => JSON.stringify(properties) === JSON.stringify(schema.properties),
    ) ?? [];
  return name === undefined ? schema : { $ref: `#/definitions/${name}` };
}

/** Leaves out what the library adds, and puts a comment of one line on one line. */
function shortComments(text) {
  return text
    .replace(/^ \* This interface was referenced by .*\n \* via the `definition` .*\n/gm, "")
    .replace(/(^\s*\*\s*\n)+(?=\s*\*\/)/gm, "")
    .replace(/\/\*\*\s*\*\/\n/g, "")
    .replace(/\/\*\*\n\s*\* (.*)\n\s*\*\//g, "/** $1 */");
}

/** Makes all members and arrays readonly, and drops the type of the whole document. */
function readonlyTypes(text) {
  const source = ts.createSourceFile("protocol.ts", text, ts.ScriptTarget.Latest, true);
  const { factory } = ts;
  const visit = (node) => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === "Protocol") return undefined;
    const visited = ts.visitEachChild(node, visit, undefined);
    if (ts.isPropertySignature(visited)) {
      const { name, questionToken, type } = visited;
      const modifiers = [factory.createModifier(ts.SyntaxKind.ReadonlyKeyword)];
      return factory.updatePropertySignature(visited, modifiers, name, questionToken, type);
    }
    if (ts.isArrayTypeNode(visited)) {
      return factory.createTypeOperatorNode(ts.SyntaxKind.ReadonlyKeyword, visited);
    }
    if (ts.isTypeLiteralNode(visited) && visited.members.length === 0) return noMembers();
    return visited;
  };
  return ts.createPrinter().printFile(ts.visitNode(source, visit));
}

/** `{}` would accept a number. */
function noMembers() {
  const { factory } = ts;
  return factory.createTypeReferenceNode("Record", [
    factory.createKeywordTypeNode(ts.SyntaxKind.StringKeyword),
    factory.createKeywordTypeNode(ts.SyntaxKind.NeverKeyword),
  ]);
}
