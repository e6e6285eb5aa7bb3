import { asFault, type Fault } from "../faults/fault.js";
import type { Subscribable } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { TokenResponse } from "../webex/oauth.js";
import type { AuthorizationEvents } from "./authorization-service.js";
import type { OAuthContext } from "./oauth-context.js";
import type { Authorization } from "./grant.js";
import { cancelled } from "./shared-task.js";

/** What a flow needs of the vault. */
export interface GrantSink {
  /** Asks Webex whose grant this is and keeps it as its counterpart's. Faults: those of `IdentityApi` and of the keychain. */
  completeGrant(
    oauthContext: OAuthContext,
    answer: TokenResponse,
    signal: AbortSignal,
  ): Promise<Authorization>;
  list(): Promise<readonly Authorization[]>;
  readonly events: Subscribable<AuthorizationEvents>;
}

interface StoreGrantOptions {
  readonly keeper: GrantSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly deadline: number;
  readonly onTrouble: (fault: Fault) => void;
}

/** A store out of reach is tried again at least this often (contract: keychain). */
const RETRY_MS = 10_000;

/**
 * Keeps a grant that Webex has already given, through whatever passes: a locked keychain, a network that is gone. Each passing
 * trouble is told, and tried again until `deadline` (of the monotonic clock); then, or with a lasting fault, it is thrown.
 */
export async function storeGrant(
  oauthContext: OAuthContext,
  answer: TokenResponse,
  options: StoreGrantOptions,
  signal: AbortSignal,
): Promise<Authorization> {
  try {
    return await storeWithRetry(oauthContext, answer, options, signal);
  } catch (thrown) {
    // Told by nobody else: the flow itself only says that it is over.
    if (signal.aborted) {
      options.logger.warn(
        "An authorization that Webex had given already was not kept, because its flow ended first: the organization has to be authorized again.",
      );
    }
    throw thrown;
  }
}

async function storeWithRetry(
  oauthContext: OAuthContext,
  answer: TokenResponse,
  options: StoreGrantOptions,
  signal: AbortSignal,
): Promise<Authorization> {
  for (;;) {
    try {
      return await options.keeper.completeGrant(oauthContext, answer, signal);
    } catch (thrown) {
      const fault = asFault(thrown);
      const wait = Math.max(fault.retryAfterMs ?? 0, RETRY_MS);
      if (
        signal.aborted ||
        fault.kind !== "transient" ||
        options.clock.monotonic() + wait >= options.deadline
      )
        throw fault;
      options.onTrouble(fault);
      await delay(options.clock, wait, signal);
    }
  }
}

/** Waits on the clock; ends with the fault `cancelled` as soon as the signal fires. */
export function delay(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelled());
      return;
    }
    const onAbort = (): void => {
      dispose();
      reject(cancelled());
    };
    const dispose = clock.schedule(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
