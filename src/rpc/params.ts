import * as z from "zod/mini";

import { PRESENCE_STATES } from "../presence/record.js";

// Compiling a checker with `new Function` costs the first answer more than it ever saves.
z.config({ jitless: true });

const MAX_URIS = 10_000;
const MAX_WAIT_MS = 30_000;
const MAX_LIST = 5_000;
/** Ten years: a longer life no token has, and a date far enough off is none that can be written. */
const MAX_LIFETIME_SECONDS = 315_360_000;

const nonEmptyString = () => z.string().check(z.minLength(1));
const uris = () => z.array(z.string()).check(z.minLength(1), z.maxLength(MAX_URIS));
const maxWaitMs = () => z._default(z.int().check(z.minimum(0), z.maximum(MAX_WAIT_MS)), 0);
const seconds = () => z.optional(z.number().check(z.minimum(0), z.maximum(MAX_LIFETIME_SECONDS)));

/**
 * What each method takes (contract: JSON-RPC methods). Made when the method is first called: building all of them would delay the
 * first answer. Members that are not named here are ignored.
 */
export const PARAMS = {
  initialize: () =>
    z.object({
      protocolVersion: z.string(),
      host: z.optional(
        z.object({ name: z.string(), version: z.string(), licensed: z.optional(z.boolean()) }),
      ),
      attendantConsole: z.optional(z.object({ version: z.string() })),
      hostPid: z.optional(z.int().check(z.minimum(1))),
    }),
  shutdown: none,
  "rpc.discover": none,
  "presence/get": () => z.object({ uri: z.string(), maxWaitMs: maxWaitMs() }),
  "presence/getMany": () => z.object({ uris: uris(), maxWaitMs: maxWaitMs() }),
  "presence/list": () =>
    z.object({
      limit: z._default(z.int().check(z.minimum(1), z.maximum(MAX_LIST)), 1_000),
      cursor: z.optional(z.string()),
      states: z.optional(z.array(z.enum(PRESENCE_STATES))),
      orgId: z.optional(z.string()),
    }),
  "presence/subscribe": () =>
    z.object({ uris: z.optional(uris()), all: z.optional(z.literal(true)) }).check(
      z.refine((params) => (params.uris === undefined) !== (params.all === undefined), {
        error: 'Give either "uris" or "all": true.',
      }),
    ),
  "presence/unsubscribe": () => z.object({ subscriptionId: z.string() }),
  "authorization/setClient": () =>
    z.object({ clientId: nonEmptyString(), clientSecret: nonEmptyString() }),
  "authorization/begin": () => z.object({ method: z.enum(["browser", "device"]) }),
  "authorization/cancel": none,
  "authorization/import": () =>
    z.object({
      refreshToken: nonEmptyString(),
      accessToken: z.optional(nonEmptyString()),
      expiresIn: seconds(),
      refreshTokenExpiresIn: seconds(),
      scope: z.optional(z.string()),
    }),
  "authorization/list": none,
  "authorization/revoke": () => z.object({ orgId: z.string() }),
  "authorization/setProxyPassword": () => z.object({ password: z.nullable(z.string()) }),
  "worker/status": none,
  "worker/poll": () => z.object({ orgId: z.optional(z.string()) }),
} as const;

export type MethodName = keyof typeof PARAMS;
export type Params<M extends MethodName> = z.infer<ReturnType<(typeof PARAMS)[M]>>;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(PARAMS, name);
}

function none() {
  return z.object({});
}
