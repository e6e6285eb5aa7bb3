import * as z from "zod/mini";

import { RpcCode } from "./errors.js";
import { PARAMS } from "./params.js";
import type { MethodName } from "./params.js";
import {
  authorization,
  NOTIFICATIONS,
  presenceRecord,
  problem,
  RESULTS,
  workerStatus,
} from "./results.js";

/** JSON Schema, as it stands in the document. */
type JsonSchema = Readonly<Record<string, unknown>>;
type ErrorName = Exclude<
  keyof typeof RpcCode,
  "parseError" | "invalidRequest" | "methodNotFound" | "invalidParams" | "internal"
>;

interface MethodDescription {
  readonly summary: string;
  readonly errors?: readonly ErrorName[];
}

const KEYCHAIN = "keychainUnavailable";

const METHOD_DESCRIPTION: Record<MethodName, MethodDescription> = {
  initialize: { summary: "Introduces the host. Optional, once.", errors: ["protocolMismatch"] },
  shutdown: {
    summary: "Stops polling; no notification follows, later requests are refused with -32600.",
  },
  "rpc.discover": { summary: "This document." },
  "presence/get": { summary: "The presence of one address.", errors: ["cancelled"] },
  "presence/getMany": {
    summary: "The presence of many addresses, in the order asked, duplicates kept.",
    errors: ["cancelled"],
  },
  "presence/list": {
    summary: "Everyone known, ordered by uri, a page at a time.",
    errors: ["unknownOrganization"],
  },
  "presence/subscribe": {
    summary:
      'The presence now, then each change as presence/changed. Takes either "uris" or "all".',
    errors: ["tooManySubscriptions"],
  },
  "presence/unsubscribe": { summary: "Ends a subscription.", errors: ["unknownSubscription"] },
  "authorization/setClient": {
    summary: "Keeps the integration's client id and secret in the keychain.",
    errors: [KEYCHAIN],
  },
  "authorization/begin": {
    summary: "Begins an authorization by a person, or gives the one of this method that is open.",
    errors: [
      "clientNotConfigured",
      "authorizationInProgress",
      KEYCHAIN,
      "redirectPortInUse",
      "webexUnreachable",
      "cancelled",
    ],
  },
  "authorization/cancel": { summary: "Ends the authorization that is open, if one is." },
  "authorization/import": {
    summary:
      "Takes a grant obtained elsewhere, after proving it by a call to Webex. Durations are seconds.",
    errors: ["clientNotConfigured", "grantRefused", KEYCHAIN, "webexUnreachable", "cancelled"],
  },
  "authorization/list": { summary: "The authorizations in the keychain.", errors: [KEYCHAIN] },
  "authorization/revoke": {
    summary: "Removes an organization's authorization from the keychain, whatever Webex says.",
    errors: ["unknownOrganization", KEYCHAIN, "cancelled"],
  },
  "authorization/setProxyPassword": {
    summary: "Keeps the proxy's password in the keychain; null removes it.",
    errors: [KEYCHAIN],
  },
  "worker/status": {
    summary: "What the worker does, and what keeps presence from being what it should be.",
  },
  "worker/poll": {
    summary: "Asks for a sweep now, inside the request budget.",
    errors: ["unknownOrganization"],
  },
};

const NOTIFICATION_SUMMARY: Record<keyof typeof NOTIFICATIONS, string> = {
  "presence/changed":
    "Records whose state, reason or webexStatus changed. The sequence rises by 1, one counter a process.",
  "authorization/changed": "The authorizations and the open flow, after either changed.",
  "worker/statusChanged": "The status, after its phase or problems changed; at most one a second.",
};

const ERROR_MESSAGE: Record<keyof typeof RpcCode, string> = {
  parseError: "The body is not JSON, or the stream is not the protocol.",
  invalidRequest: "No valid request, or not at this time.",
  methodNotFound: "There is no such method.",
  invalidParams: "The parameters are not what the method takes; data.issues names each.",
  internal: "The worker failed; data.correlationId finds the log record.",
  cancelled: "The request was cancelled.",
  protocolMismatch: "Another major version of the protocol; data.supported lists ours.",
  clientNotConfigured: "There is no client id or secret.",
  authorizationInProgress: "An authorization by data.method is open.",
  grantRefused: "Webex refused the grant; data.hint says what to do.",
  unknownOrganization: "No authorization names this organization.",
  keychainUnavailable: "The keychain cannot be read or written; data.hint says what to do.",
  redirectPortInUse: "Another program holds data.port.",
  unknownSubscription: "There is no such subscription.",
  tooManySubscriptions: "More than 1,000 subscriptions are live.",
  webexUnreachable: "Webex does not answer, and this call needs it.",
};

/** The OpenRPC document (https://spec.open-rpc.org) of the protocol, made from the schemas that check it. */
export function openRpcDocument(version: string): Record<string, unknown> {
  const schemas = z.registry<{ id: string }>();
  schemas.add(presenceRecord, { id: "PresenceRecord" });
  schemas.add(authorization, { id: "Authorization" });
  schemas.add(problem, { id: "Problem" });
  schemas.add(workerStatus, { id: "WorkerStatus" });
  const components: Record<string, unknown> = {};

  const toSchema = (schema: z.ZodMiniType): JsonSchema => {
    const generated = z.toJSONSchema(schema, {
      metadata: schemas,
      io: "input",
      target: "draft-7",
    }) as Record<string, unknown>;
    const { definitions, ...root } = generated;
    for (const [id, definition] of Object.entries(
      (definitions ?? {}) as Record<string, JsonSchema>,
    )) {
      components[id] ??= toComponent(definition);
    }
    const registered = schemas.get(schema);
    if (registered === undefined) return toComponent(root);
    components[registered.id] ??= toComponent(root);
    return { $ref: `#/components/schemas/${registered.id}` };
  };

  const methods = (Object.keys(PARAMS) as MethodName[]).map((name) => {
    const description = METHOD_DESCRIPTION[name];
    return {
      name,
      summary: description.summary,
      paramStructure: "by-name",
      params: contentDescriptors(toSchema(PARAMS[name]())),
      result: { name: "result", schema: toSchema(RESULTS[name]) },
      errors: ["invalidParams" as const, "internal" as const, ...(description.errors ?? [])].map(
        (error) => ({
          code: RpcCode[error],
          message: ERROR_MESSAGE[error],
        }),
      ),
    };
  });
  const notifications = (Object.keys(NOTIFICATIONS) as (keyof typeof NOTIFICATIONS)[]).map(
    (name) => ({
      name,
      summary: NOTIFICATION_SUMMARY[name],
      "x-direction": "worker to host",
      paramStructure: "by-name",
      params: contentDescriptors(dereference(toSchema(NOTIFICATIONS[name]), components)),
    }),
  );

  return {
    openrpc: "1.3.2",
    info: {
      title: "Webex presence worker",
      version,
      description: "JSON-RPC 2.0 on stdin and stdout, framed by Content-Length headers.",
    },
    methods,
    "x-notifications": [
      ...notifications,
      {
        name: "exit",
        summary: "Ends the process: 0 after shutdown, else 1.",
        "x-direction": "host to worker",
        params: [],
      },
      {
        name: "$/cancelRequest",
        summary: "Cancels a request, which is answered with -32800 then.",
        "x-direction": "host to worker",
        paramStructure: "by-name",
        params: [{ name: "id", required: true, schema: { type: ["string", "number"] } }],
      },
    ],
    "x-errors": (Object.keys(RpcCode) as (keyof typeof RpcCode)[]).map((name) => ({
      name,
      code: RpcCode[name],
      message: ERROR_MESSAGE[name],
    })),
    components: { schemas: components },
  };
}

function contentDescriptors(
  object: JsonSchema,
): { name: string; required: boolean; schema: unknown }[] {
  const required = (object.required ?? []) as readonly string[];
  const properties = (object.properties ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    required: required.includes(name),
    schema,
  }));
}

function dereference(
  schema: JsonSchema,
  components: Readonly<Record<string, unknown>>,
): JsonSchema {
  if (typeof schema.$ref !== "string") return schema;
  return components[schema.$ref.slice("#/components/schemas/".length)] as JsonSchema;
}

/** Without what only a document of its own needs; what the generator calls a definition is a component of this one. */
function toComponent(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(schema).filter(
    ([key]) => key !== "$schema" && key !== "$id" && key !== "id",
  );
  const text = JSON.stringify(Object.fromEntries(entries)).replaceAll(
    "#/definitions/",
    "#/components/schemas/",
  );
  return JSON.parse(text) as JsonSchema;
}
