import { Emitter } from "../faults/emitter.js";
import { Fault, type FaultDetails } from "../faults/fault.js";
import { problemFault, problemText } from "../faults/problem-catalog.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import { findContextChange, type AuthorizationSettings } from "./oauth-context.js";

/** An organization's grant, and what prevents its use: a fault, or null if nothing does. */
export interface GrantStatus {
  readonly orgId: string;
  readonly orgName: string;
  /** Null if the grant's record cannot be read. */
  readonly scopes: readonly string[] | null;
  /** `authorizationRequired` or `grantRefused`. */
  readonly fault: Fault | null;
}

interface RefusedRefresh {
  readonly grant: Grant;
  readonly client: OAuthClient;
  readonly fault: Fault;
  /** `Clock.monotonic()` of the refusal. */
  readonly refusedAt: number;
}

interface GrantRefusal extends RefusedRefresh {
  /** How often Webex has refused in a row. */
  readonly count: number;
  /** A time of `Clock.monotonic()`: the refused grant is not sent again before. */
  readonly retryAt: number;
}

/**
 * A refusal may be a short failure of Webex, or a person may put it right at Webex. A refused
 * organization is polled about once a minute, so the first retries follow within a minute.
 */
const FIRST_RETRY_COUNT = 2;
const FIRST_RETRY_DELAY_MS = 30_000;
/** With the next poll after it, the later retries are about ten minutes apart. */
const LATER_RETRY_DELAY_MS = 570_000;

/**
 * The grants that Webex refused to refresh. Their tokens stay in the keychain. A refusal applies to
 * one refresh token with one client, so that a new authorization, a refresh by another process or a
 * new client secret end it.
 */
export class GrantRefusals {
  /** `refusalChanged`: the organization whose grant was refused, or is no longer refused. */
  readonly events = new Emitter<{ readonly refusalChanged: string }>();
  readonly #refusals = new Map<string, GrantRefusal>();

  record(refused: RefusedRefresh): void {
    const { grant, client, refusedAt } = refused;
    const known = this.find(grant, client);
    const count = (known?.count ?? 0) + 1;
    const delayMs = count <= FIRST_RETRY_COUNT ? FIRST_RETRY_DELAY_MS : LATER_RETRY_DELAY_MS;
    this.#refusals.set(grant.orgId, { ...refused, count, retryAt: refusedAt + delayMs });
    if (known === null) this.events.emit("refusalChanged", grant.orgId);
  }

  clear(orgId: string): void {
    if (this.#refusals.delete(orgId)) this.events.emit("refusalChanged", orgId);
  }

  /** Ends the pause after the refusal, but not the refusal: only Webex does, by its next answer. */
  endPause(orgId: string): void {
    const refusal = this.#refusals.get(orgId);
    if (refusal !== undefined)
      this.#refusals.set(orgId, { ...refusal, count: 0, retryAt: -Infinity });
  }

  /** Returns the refusal that applies to this grant with this client, or null. */
  find(grant: Grant, client: OAuthClient | null): GrantRefusal | null {
    const refusal = this.#refusals.get(grant.orgId);
    if (refusal?.grant.refreshToken.equals(grant.refreshToken) !== true) return null;
    const isSameClient =
      client === null ||
      (client.clientId === refusal.client.clientId &&
        client.clientSecret.equals(refusal.client.clientSecret));
    return isSameClient ? refusal : null;
  }
}

/**
 * Why the grant cannot be used with the current settings: it was issued for another client or
 * another API origin. Returns null if it can.
 */
export function grantMismatch(
  grant: Grant,
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): Fault | null {
  const change = findContextChange(grant, settings, storedClient);
  return change === null ? null : authorizationRequired(grant.orgId, change);
}

/**
 * `missing`: there is no grant. `unreadable`: its record is missing or cannot be read. `client` and
 * `apiOrigin`: it was issued for another one.
 */
export function authorizationRequired(
  orgId: string,
  reason: "missing" | "unreadable" | "client" | "apiOrigin",
): Fault {
  return problemFault("authorizationRequired", { orgId, reason }, { data: { orgId } });
}

/** `cause`: why Webex refused to refresh the grant. Only a refused grant has to be replaced. */
export function refreshRefused(orgId: string, cause: Fault): Fault {
  const secretRefused = cause.data.error === "invalid_client";
  const details = causeDetails(cause);
  const ownHint = secretRefused ? undefined : specificHint(cause);
  const { message, hint } = problemText("authorizationExpired", {
    ...(secretRefused && { reason: "clientRejected" }),
    ...(ownHint !== undefined && { hint: ownHint }),
  });
  return new Fault("grantRefused", message, { ...details, hint, data: { orgId, secretRefused } });
}

/** OAuth errors for which a new authorization alone is no remedy. */
const ERRORS_WITH_REMEDY: readonly unknown[] = [
  "invalid_client",
  "unauthorized_client",
  "invalid_scope",
  "tokenlimit_reached",
];

/** The hint of a refusal whose OAuth error has a remedy of its own, or undefined. */
export function specificHint({ data, hint }: Fault): string | undefined {
  return ERRORS_WITH_REMEDY.includes(data.error) ? hint : undefined;
}

/** What a fault takes over from its cause. */
export function causeDetails(cause: Fault): FaultDetails {
  const { status, trackingId } = cause;
  return {
    cause,
    ...(status !== undefined && { status }),
    ...(trackingId !== undefined && { trackingId }),
  };
}
