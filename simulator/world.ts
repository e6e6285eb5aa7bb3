import type { ClientRegistry } from "./client-registry.js";
import type { FaultQueue } from "./faults.js";
import type { Knobs } from "./knobs.js";
import type { SimulatedOrganization } from "./people-factory.js";
import type { PresenceEngine } from "./presence-engine.js";
import type { RateLimiter } from "./rate-limit.js";
import type { RequestLog } from "./request-log.js";
import type { TokenStore } from "./token-store.js";

/** Everything that the routes share. */
export interface SimulatorContext {
  readonly organizations: readonly SimulatedOrganization[];
  readonly knobs: Readonly<Knobs>;
  readonly tokens: TokenStore;
  readonly clients: ClientRegistry;
  readonly presence: PresenceEngine;
  readonly faults: FaultQueue;
  readonly limiter: RateLimiter;
  readonly requests: RequestLog;
  /** Another origin, which hears what should never have been sent to it. */
  readonly foreignUrl: string;
  now(): number;
}
