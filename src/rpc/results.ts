import * as z from "zod/mini";

import { PRESENCE_REASONS, PRESENCE_STATES } from "../presence/record.js";
import { PROBLEM_SEVERITY, type ProblemCode } from "../faults/problem-catalog.js";
import type { MethodName } from "./params.js";

// The schemas of results and notifications, for the published document and for the tests. The
// worker does not check its own output.

const string = () => z.string();
const stringOrNull = () => z.nullable(z.string());
const numberOrNull = () => z.nullable(z.number());
const count = () => z.int().check(z.minimum(0));
const timestamp = () => z.string();
const timestampOrNull = () => z.nullable(z.string());

export const presenceRecord = z.object({
  uri: string(),
  state: z.enum(PRESENCE_STATES),
  basic: z.nullable(z.enum(["open", "closed"])),
  activities: z.array(string()),
  reason: z.nullable(z.enum(PRESENCE_REASONS)),
  webexStatus: stringOrNull(),
  displayName: stringOrNull(),
  personId: stringOrNull(),
  orgId: stringOrNull(),
  lastActivity: timestampOrNull(),
  since: timestampOrNull(),
  observedAt: timestampOrNull(),
});

export const authorization = z.object({
  orgId: string(),
  orgName: string(),
  authorizedBy: stringOrNull(),
  scopes: z.array(string()),
  grantedAt: timestamp(),
  accessTokenExpiresAt: timestampOrNull(),
  refreshTokenExpiresAt: timestampOrNull(),
  state: z.enum(["valid", "required"]),
});

export const problem = z.object({
  code: z.enum(Object.keys(PROBLEM_SEVERITY) as ProblemCode[]),
  severity: z.enum(["error", "warning", "info"]),
  message: string(),
  hint: string(),
  since: timestamp(),
  orgId: stringOrNull(),
});

const organizationStatus = z.object({
  orgId: string(),
  orgName: string(),
  persons: count(),
  watched: count(),
  mode: z.enum(["sweep", "lookup", "mixed"]),
  lastSweep: z.nullable(
    z.object({ startedAt: timestamp(), seconds: z.number(), persons: count(), requests: count() }),
  ),
  sweepProgress: z.nullable(z.object({ persons: count(), pages: count() })),
  requests: z.object({
    perMinuteLimit: count(),
    lastMinute: count(),
    total: count(),
    rateLimited: count(),
    failed: count(),
  }),
  rateLimitedUntil: timestampOrNull(),
  nextRequestAt: timestampOrNull(),
  ageSeconds: z.object({ watchedP50: numberOrNull(), watchedP95: numberOrNull() }),
  onDemand: z.object({ lastMinute: count(), answeredInTime: count(), late: count() }),
});

export const workerStatus = z.object({
  phase: z.enum(["starting", "disabled", "blocked", "polling", "stopping"]),
  enabled: z.boolean(),
  since: timestamp(),
  version: string(),
  startedAt: timestamp(),
  pid: z.int(),
  secretStore: z.enum(["keychain", "memory"]),
  settings: z.object({
    path: string(),
    loadedAt: timestampOrNull(),
    values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }),
  problems: z.array(problem),
  organizations: z.array(organizationStatus),
});

/** Of a worker that may be older than this program: before protocol 1.1, without `onDemand`. */
export const statusOfAnyVersion = z.extend(workerStatus, {
  organizations: z.array(
    z.extend(organizationStatus, { onDemand: z.optional(organizationStatus.shape.onDemand) }),
  ),
});

export const RESULTS = {
  initialize: z.object({
    protocolVersion: z.literal("1.1"),
    worker: z.object({ name: string(), version: string() }),
    capabilities: z.object({
      presence: z.literal(true),
      subscriptions: z.literal(true),
      authorization: z.array(z.enum(["browser", "device", "import"])),
      organizations: z.literal("multiple"),
    }),
  }),
  shutdown: z.null(),
  "rpc.discover": z.looseObject({ openrpc: string() }),
  "presence/get": presenceRecord,
  "presence/getMany": z.object({ records: z.array(presenceRecord) }),
  "presence/list": z.object({
    records: z.array(presenceRecord),
    nextCursor: stringOrNull(),
    total: count(),
  }),
  "presence/subscribe": z.object({ subscriptionId: string(), records: z.array(presenceRecord) }),
  "presence/unsubscribe": z.null(),
  "authorization/setClient": z.null(),
  "authorization/begin": z.union([
    z.object({
      method: z.literal("browser"),
      url: string(),
      redirectUri: string(),
      expiresAt: timestamp(),
    }),
    z.object({
      method: z.literal("device"),
      verificationUri: string(),
      verificationUriComplete: stringOrNull(),
      userCode: string(),
      expiresAt: timestamp(),
    }),
  ]),
  "authorization/cancel": z.null(),
  "authorization/import": authorization,
  "authorization/list": z.object({ authorizations: z.array(authorization) }),
  "authorization/revoke": z.object({ revokedAtWebex: z.boolean() }),
  "authorization/setProxyPassword": z.null(),
  "worker/status": workerStatus,
  "worker/poll": z.object({ accepted: z.boolean(), nextPossibleAt: timestampOrNull() }),
} as const satisfies Record<MethodName, z.ZodMiniType>;

/** The parameters of the notifications that the worker sends. */
export const NOTIFICATIONS = {
  "presence/changed": z.object({
    subscriptionIds: z.array(string()),
    sequence: z.int().check(z.minimum(1)),
    changes: z.array(presenceRecord).check(z.minLength(1), z.maxLength(500)),
  }),
  "authorization/changed": z.object({
    authorizations: z.array(authorization),
    flow: z.nullable(
      z.object({
        method: z.enum(["browser", "device"]),
        url: stringOrNull(),
        verificationUri: stringOrNull(),
        userCode: stringOrNull(),
        expiresAt: timestampOrNull(),
        state: z.enum(["waiting", "authorized", "denied", "failed", "expired", "cancelled"]),
        message: stringOrNull(),
      }),
    ),
  }),
  "worker/statusChanged": workerStatus,
} as const;
