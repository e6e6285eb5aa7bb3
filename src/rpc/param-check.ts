import type * as z from "zod/mini";

import { PARAMS } from "./params.js";
import type { MethodName, Params } from "./params.js";
import { ProtocolError, RpcCode } from "./errors.js";

/** What is wrong with one member. `path` reads like `uris[3]` or `host.version`; empty for the whole. Never holds a value. */
export interface ParamIssue {
  readonly path: string;
  readonly message: string;
}

/** Ten thousand wrong addresses need no ten thousand explanations. */
const MAX_ISSUES = 100;

const schemas = new Map<MethodName, z.ZodMiniType>();

/** The checked parameters, defaults filled in. Throws -32602 with `data.issues`. Left-out parameters are an empty object. */
export function checkParams<M extends MethodName>(method: M, params: unknown): Params<M> {
  let schema = schemas.get(method);
  if (schema === undefined) {
    schema = PARAMS[method]();
    schemas.set(method, schema);
  }
  const input = params ?? {};
  if (Array.isArray(input))
    throw invalidParams([{ path: "", message: "Parameters are one object." }]);
  const result = schema.safeParse(input);
  if (result.success) return result.data as Params<M>;
  return throwInvalidParams(result.error.issues);
}

export function invalidParams(issues: readonly ParamIssue[]): ProtocolError {
  const [first] = issues;
  const detail =
    first === undefined ? "" : ` ${first.path === "" ? "" : `${first.path}: `}${first.message}`;
  return new ProtocolError(
    RpcCode.invalidParams,
    `The parameters are not what the method takes.${detail}`,
    { issues },
  );
}

function throwInvalidParams(issues: readonly z.core.$ZodIssue[]): never {
  throw invalidParams(
    issues
      .slice(0, MAX_ISSUES)
      .map((issue) => ({ path: pathOf(issue.path), message: describe(issue) })),
  );
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

/** Sentences of our own: what was given is never repeated, because it may be a secret. */
function describe(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `Expected ${withArticle(issue.expected)}.`;
    case "invalid_value":
      return `Expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}.`;
    case "too_small":
      return `Expected at least ${String(issue.minimum)}${unitOf(issue.origin)}.`;
    case "too_big":
      return `Expected at most ${String(issue.maximum)}${unitOf(issue.origin)}.`;
    case "custom":
      return issue.message;
    default:
      return "Not what is expected here.";
  }
}

function withArticle(type: string): string {
  switch (type) {
    case "int":
    case "array":
    case "object":
      return type === "int" ? "an integer" : `an ${type}`;
    default:
      return `a ${type}`;
  }
}

function unitOf(origin: string): string {
  if (origin === "string") return " character";
  return origin === "array" ? " element(s)" : "";
}
