import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";

/** Between a renewal and the next one, if nothing else is known about the first. */
const MIN_INTERVAL_MS = 2_000;
const MAX_INTERVAL_MS = 60_000;

/** The renewals of one organization since the last one that succeeded. */
interface Attempts {
  readonly refreshToken: Secret;
  readonly client: OAuthClient;
  readonly sentAt: number;
  readonly failures: number;
  /** Of the last one that was sent at once because something had changed. */
  readonly hastenedAt: number;
  readonly hasRouteChanged: boolean;
}

/**
 * Spreads the renewals that fail: the token endpoint is outside of the request budget, and callers,
 * switches and edits each start polling anew. Outlives the organizations for that reason. Times are
 * monotonic milliseconds.
 */
export class RenewalPacing {
  readonly #clock: Clock;
  readonly #pollIntervalMs: () => number;
  readonly #attempts = new Map<string, Attempts>();

  constructor(clock: Clock, pollIntervalMs: () => number) {
    this.#clock = clock;
    this.#pollIntervalMs = pollIntervalMs;
  }

  /**
   * Returns how long the next renewal of a grant has to wait: 2, 4, 8, … seconds after the last one
   * was sent, at most one poll interval or a minute. Another grant, client secret or route may be
   * what was wrong, and need not wait, but two of them are 2 s apart.
   */
  delayMs(grant: Grant, client: OAuthClient): number {
    const attempts = this.#attempts.get(grant.orgId);
    if (attempts === undefined) return 0;
    const { sentAt, failures, hastenedAt } = attempts;
    const maxMs = Math.min(MAX_INTERVAL_MS, this.#pollIntervalMs());
    const backoffMs = MIN_INTERVAL_MS * 2 ** Math.min(failures - 1, 10);
    const notBefore = isRepeated(attempts, grant, client)
      ? sentAt + Math.max(MIN_INTERVAL_MS, Math.min(backoffMs, maxMs))
      : hastenedAt + MIN_INTERVAL_MS;
    return Math.max(0, notBefore - this.#clock.monotonic());
  }

  /** A renewal is sent. It counts as failed until `recordRenewed`, also if it is cancelled. */
  recordSent({ orgId, ...grant }: Grant, client: OAuthClient): void {
    const attempts = this.#attempts.get(orgId);
    const sentAt = this.#clock.monotonic();
    const { refreshToken } = grant;
    const isKnown = attempts !== undefined && isRepeated(attempts, { refreshToken }, client);
    this.#attempts.set(orgId, {
      ...{ refreshToken, client, sentAt, hasRouteChanged: false },
      failures: isKnown ? attempts.failures + 1 : 1,
      hastenedAt: isKnown || attempts === undefined ? (attempts?.hastenedAt ?? -Infinity) : sentAt,
    });
  }

  recordRenewed(orgId: string): void {
    this.#attempts.delete(orgId);
  }

  routeChanged(orgId: string): void {
    const attempts = this.#attempts.get(orgId);
    if (attempts !== undefined) this.#attempts.set(orgId, { ...attempts, hasRouteChanged: true });
  }
}

/** Whether nothing has changed since the last renewal that could let this one succeed. */
function isRepeated(
  { refreshToken, client, hasRouteChanged }: Attempts,
  grant: Pick<Grant, "refreshToken">,
  { clientId, clientSecret }: OAuthClient,
): boolean {
  return (
    !hasRouteChanged &&
    refreshToken.equals(grant.refreshToken) &&
    client.clientId === clientId &&
    client.clientSecret.equals(clientSecret)
  );
}
