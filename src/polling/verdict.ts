import type { Fault } from "../faults/fault.js";

/** What was asked of Webex when a fault came. */
export type RequestType = "firstPage" | "nextPage" | "lookup" | "me";

export type RefusalCode =
  | "authorizationExpired"
  | "authorizationRequired"
  | "clientNotConfigured"
  | "scopeMissing"
  | "adminRoleLost";
export type TransientCode =
  "webexUnreachable" | "webexError" | "keychainLocked" | "keychainUnavailable";

/** What a fault means for the polling of an organization. */
export type FailureClassification =
  | { readonly kind: "rateLimited" }
  /** Webex refuses the organization as a whole until a person acts. */
  | { readonly kind: "refused"; readonly code: RefusalCode }
  /** Passes by itself: try the same again. */
  | { readonly kind: "passing"; readonly code: TransientCode }
  /** A gateway gave up: passes, perhaps only with smaller pages. */
  | { readonly kind: "tooLarge" }
  /** Webex does not take its own link to the next page any more. */
  | { readonly kind: "linkBroken" }
  /** Webex has nobody under the address or does not take it for one, or does not show the administrator's own record. */
  | { readonly kind: "nobody" }
  /** Called off by our own side (a new network route): try again without a word. */
  | { readonly kind: "calledOff" };

/** The scopes that the authorization asks for. */
const REQUIRED_SCOPES = ["spark-admin:people_read", "spark-admin:organizations_read"];

export function missingScopes(granted: readonly string[]): readonly string[] {
  return REQUIRED_SCOPES.filter((scope) => !granted.includes(scope));
}

/**
 * Judges by code and HTTP status alone. 403 is a missing scope where the grant lacks one, else the role; 400 on the unfiltered list
 * is the role ("Email, displayName, or id list should be specified", recorded from the live service); 401 with a fresh token means
 * that Webex takes no token of this grant: somebody has to authorize again.
 */
export function classifyFailure(
  fault: Fault,
  requestType: RequestType,
  grantedScopes: readonly string[],
): FailureClassification {
  switch (fault.code) {
    case "rateLimited":
      return { kind: "rateLimited" };
    case "forbidden":
      if (requestType === "me") return { kind: "nobody" };
      return {
        kind: "refused",
        code: missingScopes(grantedScopes).length > 0 ? "scopeMissing" : "adminRoleLost",
      };
    case "unauthorized":
    case "grantRefused":
      return { kind: "refused", code: "authorizationExpired" };
    case "authorizationRequired":
    case "clientNotConfigured":
      return { kind: "refused", code: fault.code };
    case "refused":
    case "notFound":
      if (requestType === "lookup" || requestType === "me") return { kind: "nobody" };
      if (requestType === "nextPage") return { kind: "linkBroken" };
      if (fault.status === 400) return { kind: "refused", code: "adminRoleLost" };
      return { kind: "passing", code: "webexError" };
    case "webexError":
      if (
        (requestType === "firstPage" || requestType === "nextPage") &&
        (fault.status === 502 || fault.status === 504)
      ) {
        return { kind: "tooLarge" };
      }
      return { kind: "passing", code: "webexError" };
    case "webexUnreachable":
    case "keychainLocked":
    case "keychainUnavailable":
      return { kind: "passing", code: fault.code };
    case "cancelled":
      return { kind: "calledOff" };
    default:
      return { kind: "passing", code: "webexError" };
  }
}
