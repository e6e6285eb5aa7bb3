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

type ErrorName = Exclude<
  keyof typeof RpcCode,
  "parseError" | "invalidRequest" | "methodNotFound" | "invalidParams" | "internal"
>;

/** The summary of each method, and the errors that it adds to those of every method. */
const METHODS: Record<MethodName, readonly [summary: string, ...errors: ErrorName[]]> = {
  initialize: ["Introduces the host. Optional, at most once.", "protocolMismatch"],
  shutdown: ["Stops polling and notifications. Later requests fail with -32600."],
  "rpc.discover": ["Returns this document."],
  "presence/get": ["Returns the presence of one address.", "cancelled"],
  "presence/getMany": [
    "Returns the presence of many addresses, in the order of the request, including duplicates.",
    "cancelled",
  ],
  "presence/list": ["Lists all known persons in pages, ordered by uri.", "unknownOrganization"],
  "presence/subscribe": [
    'Returns the current presence, then sends each change as presence/changed. Takes either "uris" or "all".',
    "tooManySubscriptions",
  ],
  "presence/unsubscribe": ["Ends a subscription.", "unknownSubscription"],
  "authorization/setClient": [
    "Stores the integration's client ID and secret in the keychain.",
    "keychainUnavailable",
  ],
  "authorization/begin": [
    "Begins an authorization by a person, or returns the open one if it has the same method.",
    "clientNotConfigured",
    "authorizationInProgress",
    "keychainUnavailable",
    "redirectPortInUse",
    "webexUnreachable",
    "cancelled",
  ],
  "authorization/cancel": ["Cancels the open authorization, if there is one."],
  "authorization/import": [
    "Stores a grant obtained elsewhere, after verifying it with a request to Webex. Durations are in seconds.",
    "clientNotConfigured",
    "grantRefused",
    "keychainUnavailable",
    "webexUnreachable",
    "cancelled",
  ],
  "authorization/list": [
    "Lists the authorizations in the keychain.",
    "keychainUnavailable",
    "cancelled",
  ],
  "authorization/revoke": [
    "Removes the authorization of an organization from the keychain, whatever Webex responds.",
    "unknownOrganization",
    "keychainUnavailable",
    "cancelled",
  ],
  "authorization/setProxyPassword": [
    "Stores the password of the proxy in the keychain. Null removes it.",
    "keychainUnavailable",
  ],
  "worker/status": ["Returns what the worker is doing, and the problems that impair presence."],
  "worker/poll": ["Requests a sweep now, within the request budget.", "unknownOrganization"],
};

const NOTIFICATION_SUMMARY: Record<keyof typeof NOTIFICATIONS, string> = {
  "presence/changed":
    "Contains the records whose state, reason or webexStatus changed. The sequence increases by 1; there is one counter per process.",
  "authorization/changed":
    "Contains the authorizations and the open flow, after either has changed.",
  "worker/statusChanged":
    "Contains the status, after its phase or problems have changed. Sent at most once per second.",
};

const ERROR_MESSAGE: Record<keyof typeof RpcCode, string> = {
  parseError: "The body is not JSON, or the stream does not follow the protocol.",
  invalidRequest: "The request is invalid, or not allowed in the current state of the session.",
  methodNotFound: "There is no such method.",
  invalidParams: "The parameters are invalid. data.issues lists the issues.",
  internal: "The worker failed unexpectedly. data.correlationId identifies the log record.",
  cancelled: "The request was cancelled.",
  protocolMismatch:
    "The worker does not support this major version of the protocol. data.supported lists the versions that it supports.",
  clientNotConfigured: "No client ID or no client secret is configured.",
  authorizationInProgress: "An authorization with the method data.method is open.",
  grantRefused: "Webex rejected the grant. data.hint says what to do.",
  unknownOrganization: "There is no authorization for this organization.",
  keychainUnavailable: "The keychain cannot be read or written. data.hint says what to do.",
  redirectPortInUse: "Another program uses the port data.port.",
  unknownSubscription: "There is no such subscription.",
  tooManySubscriptions: "More than 1,000 subscriptions are open.",
  webexUnreachable: "Webex does not respond, and this method requires it.",
};

/**
 * Builds the OpenRPC document (https://spec.open-rpc.org) from the schemas that check the
 * parameters.
 */
export function openRpcDocument(version: string): Record<string, unknown> {
  const { params, results, notifications, components } = toJsonSchemas();
  const contentDescriptors = ({ $ref, ...inline }: JsonSchema = {}) => {
    const schema = $ref === undefined ? inline : components[$ref.slice(COMPONENTS.length)];
    return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
      name,
      required: schema?.required?.includes(name) ?? false,
      schema: property,
    }));
  };
  return {
    openrpc: "1.3.2",
    info: {
      title: "Webex presence worker",
      version,
      description: "JSON-RPC 2.0 on stdin and stdout, framed by Content-Length headers.",
    },
    methods: Object.entries(METHODS).map(([name, [summary, ...errors]]) => ({
      name,
      summary,
      paramStructure: "by-name",
      params: contentDescriptors(params[name]),
      result: { name: "result", schema: results[name] },
      errors: (["invalidParams", "internal", ...errors] as const).map((error) => ({
        code: RpcCode[error],
        message: ERROR_MESSAGE[error],
      })),
    })),
    "x-notifications": [
      ...Object.entries(NOTIFICATION_SUMMARY).map(([name, summary]) => ({
        name,
        summary,
        "x-direction": "worker to host",
        paramStructure: "by-name",
        params: contentDescriptors(notifications[name]),
      })),
      {
        name: "exit",
        summary: "Ends the process, with exit code 0 after shutdown, otherwise 1.",
        "x-direction": "host to worker",
        params: [],
      },
      {
        name: "$/cancelRequest",
        summary: "Cancels a request, which then fails with -32800.",
        "x-direction": "host to worker",
        paramStructure: "by-name",
        params: [{ name: "id", required: true, schema: { type: ["string", "number"] } }],
      },
    ],
    "x-errors": Object.entries(ERROR_MESSAGE).map(([name, message]) => ({
      name,
      code: RpcCode[name as keyof typeof RpcCode],
      message,
    })),
    components: { schemas: components },
  };
}

const COMPONENTS = "#/components/schemas/";

/** The part of a JSON Schema that this document depends on. */
interface JsonSchema {
  readonly $ref?: string;
  readonly properties?: JsonSchemas;
  readonly required?: readonly string[];
}
type JsonSchemas = Readonly<Record<string, JsonSchema>>;

/** Converts all schemas at once, because they share the components that they reference. */
function toJsonSchemas() {
  const metadata = z.registry<{ id: string }>();
  metadata.add(presenceRecord, { id: "PresenceRecord" });
  metadata.add(authorization, { id: "Authorization" });
  metadata.add(problem, { id: "Problem" });
  metadata.add(workerStatus, { id: "WorkerStatus" });
  const params = Object.entries(PARAMS).map(([name, createSchema]) => [name, createSchema()]);
  const all = z.object({
    params: z.object(Object.fromEntries(params) as Record<string, z.ZodMiniType>),
    results: z.object(RESULTS),
    notifications: z.object(NOTIFICATIONS),
  });
  const json = JSON.stringify(z.toJSONSchema(all, { metadata, io: "input", target: "draft-7" }));
  const { properties, definitions } = JSON.parse(json.replaceAll("#/definitions/", COMPONENTS)) as {
    properties: Record<"params" | "results" | "notifications", { properties: JsonSchemas }>;
    definitions: JsonSchemas;
  };
  return {
    params: properties.params.properties,
    results: properties.results.properties,
    notifications: properties.notifications.properties,
    components: definitions,
  };
}
