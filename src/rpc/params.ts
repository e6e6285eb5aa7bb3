import * as z from "zod/mini";

import { findCredentialIssue, hasControlCharacter } from "../faults/secret.js";
import { PRESENCE_STATES } from "../presence/record.js";
import { ProtocolError, RpcCode } from "./errors.js";

// A compiled checker (`new Function`) delays the first response by more than it ever saves.
z.config({ jitless: true });

/** Of an array: the URIs of a call, for example. */
const MAX_ELEMENTS = 10_000;
/** No token, ID or version is that long. */
const MAX_CHARACTERS = 16_384;
const MAX_WAIT_MS = 30_000;
const MAX_AGE_SECONDS = 3_600;
const MAX_LIST = 5_000;
/** Ten years: no token lives longer, and dates far beyond that have no ISO 8601 form. */
const MAX_LIFETIME_SECONDS = 315_360_000;
const MAX_ISSUES = 100;
/** Node.js cannot watch others, and Windows, Linux and macOS give out none above. */
export const MAX_PROCESS_ID = 0x7fffffff;
const POSITIONAL = "Parameters must be one object, by itself or as the only element of an array.";

const maxCharacters = () => z.maxLength(MAX_CHARACTERS, { abort: true });
const text = () => z.string().check(maxCharacters());
/** A client ID, client secret or token, as people paste it. */
const credential = () =>
  z.string().check(
    z.trim(),
    z.minLength(1),
    maxCharacters(),
    z.refine((text) => findCredentialIssue(text) === null, {
      error: ({ input }) => `It ${findCredentialIssue(String(input)) ?? "is invalid"}.`,
    }),
  );
const password = () =>
  z.string().check(
    maxCharacters(),
    z.overwrite(withoutLineEnds),
    z.refine((text) => !hasControlCharacter(text), { error: "It contains a control character." }),
  );

/** Not by a regular expression, which would take quadratic time. */
function withoutLineEnds(text: string): string {
  let end = text.length;
  while (/[\r\n]/.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

const uris = () => z.array(z.string()).check(z.minLength(1), z.maxLength(MAX_ELEMENTS));
const freshness = () => ({
  maxWaitMs: z.optional(
    z
      .int()
      .check(
        z.minimum(0),
        z.maximum(MAX_WAIT_MS),
        z.describe(
          "How long to wait for an answer. The default is 3000 with maxAgeSeconds, else 0.",
        ),
      ),
  ),
  maxAgeSeconds: z.optional(
    z
      .number()
      .check(
        z.minimum(0),
        z.maximum(MAX_AGE_SECONDS),
        z.describe("Asks Webex about what it confirmed longer ago than that. 0 asks in any case."),
      ),
  ),
});
const seconds = () => z.optional(z.number().check(z.minimum(0), z.maximum(MAX_LIFETIME_SECONDS)));
const none = () => z.object({});

/**
 * The parameters of each method (contract: JSON-RPC methods). A schema is built when its method is
 * first called, because building all of them would delay the first response. Unknown members are
 * ignored.
 */
export const PARAMS = {
  initialize: () =>
    z.object({
      protocolVersion: text(),
      host: z.optional(
        z.object({ name: text(), version: text(), licensed: z.optional(z.boolean()) }),
      ),
      attendantConsole: z.optional(z.object({ version: text() })),
      hostPid: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_PROCESS_ID))),
    }),
  shutdown: none,
  "rpc.discover": none,
  "presence/get": () => z.object({ uri: z.string(), ...freshness() }),
  "presence/getMany": () => z.object({ uris: uris(), ...freshness() }),
  "presence/list": () =>
    z.object({
      limit: z._default(z.int().check(z.minimum(1), z.maximum(MAX_LIST)), 1_000),
      cursor: z.optional(text()),
      states: z.optional(z.array(z.enum(PRESENCE_STATES)).check(z.maxLength(MAX_ELEMENTS))),
      orgId: z.optional(text()),
    }),
  "presence/subscribe": () =>
    z.object({ uris: z.optional(uris()), all: z.optional(z.literal(true)) }).check(
      z.refine((params) => (params.uris === undefined) !== (params.all === undefined), {
        error: 'Specify either "uris" or "all": true.',
      }),
    ),
  "presence/unsubscribe": () => z.object({ subscriptionId: text() }),
  "authorization/setClient": () => z.object({ clientId: credential(), clientSecret: credential() }),
  "authorization/begin": () => z.object({ method: z.enum(["browser", "device"]) }),
  "authorization/cancel": none,
  "authorization/import": () =>
    z.object({
      refreshToken: credential(),
      accessToken: z.optional(credential()),
      expiresIn: seconds(),
      refreshTokenExpiresIn: seconds(),
      scope: z.optional(text()),
    }),
  "authorization/list": none,
  "authorization/revoke": () => z.object({ orgId: text() }),
  "authorization/setProxyPassword": () => z.object({ password: z.nullable(password()) }),
  "worker/status": none,
  "worker/poll": () => z.object({ orgId: z.optional(text()) }),
} as const;

export type MethodName = keyof typeof PARAMS;
export type Params<M extends MethodName> = z.infer<ReturnType<(typeof PARAMS)[M]>>;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(PARAMS, name);
}

const schemas = new Map<MethodName, z.ZodMiniObject>();

/**
 * Returns the parameters with defaults filled in; missing parameters are an empty object. Throws a
 * `ProtocolError` -32602 whose `data.issues` never contains a value, since it may be a secret. The
 * `path` of an issue is, for example, `uris[3]` or `host.version`, or "" for all parameters.
 */
export function checkParams<M extends MethodName>(method: M, params: unknown): Params<M> {
  let schema = schemas.get(method);
  if (schema === undefined) {
    schema = PARAMS[method]();
    schemas.set(method, schema);
  }
  if (Array.isArray(params)) {
    throw invalidParams([{ path: "", message: POSITIONAL }]);
  }
  const longArray = findLongArray(schema, params);
  if (longArray !== undefined) {
    throw invalidParams([{ path: longArray, message: atMost(MAX_ELEMENTS, "array") }]);
  }
  const result = schema.safeParse(params ?? {});
  if (result.success) return result.data as Params<M>;
  const issues = result.error.issues.slice(0, MAX_ISSUES);
  throw invalidParams(
    issues.map((issue) => ({ path: formatPath(issue.path), message: describe(issue) })),
  );
}

/** The library checks all elements, and lists the issues of each, before it checks their number. */
function findLongArray(schema: z.ZodMiniObject, params: unknown): string | undefined {
  return Object.entries(params ?? {}).find(
    ([name, value]) =>
      Array.isArray(value) && value.length > MAX_ELEMENTS && Object.hasOwn(schema.shape, name),
  )?.[0];
}

function invalidParams(issues: readonly { path: string; message: string }[]): ProtocolError {
  const [{ path, message } = { path: "", message: "" }] = issues;
  const text = `The parameters are invalid. ${path === "" ? message : `${path}: ${message}`}`;
  return new ProtocolError(RpcCode.invalidParams, text, { issues });
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

function describe(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `Expected ${ARTICLE[issue.expected] ?? `a ${issue.expected}`}.`;
    case "invalid_value":
      return `Expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}.`;
    case "too_small":
      return `Expected at least ${String(issue.minimum)}${UNIT[issue.origin] ?? ""}.`;
    case "too_big":
      return atMost(issue.maximum, issue.origin);
    case "custom":
      return issue.message;
    default:
      return "Invalid value.";
  }
}

function atMost(maximum: number | bigint, origin: string): string {
  return `Expected at most ${String(maximum)}${UNIT[origin] ?? ""}.`;
}

const ARTICLE: Partial<Record<string, string>> = {
  int: "an integer",
  array: "an array",
  object: "an object",
};
const UNIT: Partial<Record<string, string>> = { string: " character(s)", array: " element(s)" };
