import { asFault, Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthApi, OAuthClient } from "../webex/oauth-api.js";
import type { Grant } from "./grant.js";

const DEADLINE_MS = 5_000;

interface RevocationParts {
  readonly oauth: OAuthApi;
  /** Fault: `clientNotConfigured`. */
  readonly client: () => OAuthClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells Webex that the grant is over: best effort, within 5 s; false where Webex was not told. Never rejects. */
export async function revokeAtWebex(grant: Grant, parts: RevocationParts, signal: AbortSignal): Promise<boolean> {
  const deadline = new AbortController();
  let dispose: Disposer = () => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    dispose = parts.clock.timer(DEADLINE_MS, () => {
      deadline.abort();
      reject(new Fault("webexUnreachable", "Webex did not answer in time."));
    });
  });
  try {
    const revocation = parts.oauth.revoke(parts.client(), grant.refreshToken, AbortSignal.any([signal, deadline.signal]));
    await Promise.race([revocation, late]);
    return true;
  } catch (error) {
    const { code, status, trackingId } = asFault(error);
    parts.logger.warn("Webex was not told that the authorization is revoked: revoke it in Control Hub as well.", {
      orgId: grant.orgId,
      code,
      status,
      trackingId,
    });
    return false;
  } finally {
    dispose();
  }
}
