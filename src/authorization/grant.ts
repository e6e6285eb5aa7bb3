import type { Secret } from "../faults/secret.js";

/** The scopes asked for; nothing else is (contract: Webex). */
export const REQUIRED_SCOPES = [
  "spark-admin:people_read",
  "spark-admin:organizations_read",
] as const;

/** What an administrator's authorization gave us for one organization. Times are epoch milliseconds; null where Webex did not say. */
export interface Grant {
  readonly orgId: string;
  readonly orgName: string;
  /** Display name or e-mail of the administrator. */
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: number;
  /** The integration and the API origin this grant was given for: it is used with no other. */
  readonly clientId: string;
  readonly apiOrigin: string;
  readonly accessToken: Secret;
  readonly accessTokenExpiresAt: number | null;
  readonly refreshToken: Secret;
  readonly refreshTokenExpiresAt: number | null;
}

/** A grant as the host sees it: no token in it. Times are ISO 8601 UTC. */
export interface Authorization {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: string;
  readonly accessTokenExpiresAt: string | null;
  readonly refreshTokenExpiresAt: string | null;
  /** `required`: a person has to authorize again (dead grant, other client, other API origin). */
  readonly state: "valid" | "required";
}
