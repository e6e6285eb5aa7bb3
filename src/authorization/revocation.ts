import { asFault, Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthApi, OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";

const DEADLINE_MS = 5_000;

interface RevocationOptions {
  readonly oauth: OAuthApi;
  /** Fault: `clientNotConfigured`. */
  readonly client: () => OAuthClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells Webex that the grant is over: best effort, within 5 s; false where Webex was not told. Never rejects. */
export async function revokeAtWebex(
  grant: Grant,
  options: RevocationOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = new AbortController();
  let cancelTimer: Disposer = () => undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    cancelTimer = options.clock.schedule(DEADLINE_MS, () => {
      deadline.abort();
      reject(new Fault("webexUnreachable", "Webex did not answer in time."));
    });
  });
  try {
    const revocation = options.oauth.revoke(
      options.client(),
      grant.refreshToken,
      AbortSignal.any([signal, deadline.signal]),
    );
    await Promise.race([revocation, timeout]);
    return true;
  } catch (error) {
    const { code, status, trackingId } = asFault(error);
    options.logger.warn(
      "Webex was not told that the authorization is revoked: revoke it in Control Hub as well.",
      {
        orgId: grant.orgId,
        code,
        status,
        trackingId,
      },
    );
    return false;
  } finally {
    cancelTimer();
  }
}
