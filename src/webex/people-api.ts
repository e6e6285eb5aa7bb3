import type { Secret } from "../faults/secret.js";
import type { ListedPerson, PersonSnapshot } from "../presence/person.js";

/** Where a page of the roster comes from: the beginning, or Webex's own link to the next one. */
export type PageReference =
  | { readonly kind: "first"; readonly max: number }
  | { readonly kind: "next"; readonly url: string };

export interface PeoplePage {
  /**
   * All that Webex put on the page, bots and guests included: their number is the page size learned. They can be read until the next page is
   * asked for, which takes their place in memory.
   */
  readonly items: readonly ListedPerson[];
  /** Webex's link to the next page (same origin as `ApiUrl`, checked), or null on the last one. */
  readonly next: string | null;
}

export interface Me {
  readonly personId: string;
  readonly orgId: string;
  readonly displayName: string | null;
  readonly email: string | null;
  /** Whether Webex gave a `status`: without it, the administrator's own status sharing is off and so is everybody's. */
  readonly sharesStatus: boolean;
  /** A role id decodes to `ciscospark://us/ROLE/id_full_admin`. */
  readonly isFullAdmin: boolean;
}

/**
 * Presence of one organization from Webex's REST service, one request a call (two where a rejected token is replaced and the
 * request replayed). Faults: `rateLimited` (429, 423; `retryAfterMs` where named), `webexUnreachable`, `webexError` (5xx or an
 * answer that cannot be read), `unauthorized` (401 also with a fresh token), `forbidden` (403), `refused` (400 and other 4xx),
 * `notFound` (404), `cancelled`, and those of the token source.
 */
export interface PeopleApi {
  listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage>;
  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]>;
  me(signal: AbortSignal): Promise<Me>;
}

/**
 * Stands before every request that carries the organization's bearer: waits for the request budget to allow one, counts it, and
 * hears how it ended.
 */
export interface RequestLimiter {
  acquire(signal: AbortSignal): Promise<void>;
  complete(outcome: "answered" | "rateLimited" | "failed"): void;
}

/** Access tokens of one organization. */
export interface TokenSource {
  /** A token good for the next request: refreshed ahead of its expiry. Faults: `grantRefused`, `authorizationRequired`, `clientNotConfigured`, keychain and network faults. */
  getToken(signal: AbortSignal): Promise<Secret>;
  /** A token other than the one Webex has just rejected with 401; single flight. Faults as `token`. */
  replace(rejected: Secret, signal: AbortSignal): Promise<Secret>;
}
