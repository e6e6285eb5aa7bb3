import { asFault, Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { IdentityApi } from "../webex/identity.js";
import { fallbackOrgName } from "./keychain-records.js";

/** Whose grant it is, as Webex says. */
export interface TokenOwner {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorizedBy: string | null;
}

/**
 * Proves an access token by asking Webex who it belongs to. Faults: `grantRefused` (with `data.hint`), `webexUnreachable` (also for
 * 429 and 5xx: the grant may be good), `cancelled`. An organization whose name may not be read has a stand-in for it.
 */
export async function fetchTokenOwner(
  identity: IdentityApi,
  accessToken: Secret,
  signal: AbortSignal,
): Promise<TokenOwner> {
  try {
    return await requestOwner(identity, accessToken, signal);
  } catch (error) {
    throw toGrantFault(error);
  }
}

async function requestOwner(
  identity: IdentityApi,
  accessToken: Secret,
  signal: AbortSignal,
): Promise<TokenOwner> {
  try {
    const me = await identity.me(accessToken, signal);
    const orgName = await requestOrganizationName(identity, accessToken, me.orgId, signal);
    return { orgId: me.orgId, orgName, authorizedBy: me.displayName ?? me.email };
  } catch (error) {
    const fault = asFault(error);
    if (fault.code !== "forbidden") throw fault;
    // Without the scope for people the token may still name its organization: the grant is kept then, with its problem.
    const [only, ...others] = await identity.organizations(accessToken, signal);
    if (only === undefined || others.length > 0) throw fault;
    return { ...only, authorizedBy: null };
  }
}

async function requestOrganizationName(
  identity: IdentityApi,
  accessToken: Secret,
  orgId: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const name = await identity.organizationName(accessToken, orgId, signal);
    if (name !== "") return name;
  } catch (error) {
    const { code } = asFault(error);
    if (code !== "forbidden" && code !== "notFound" && code !== "refused") throw error;
  }
  return fallbackOrgName(orgId);
}

/** What a call that needs Webex says when Webex refuses a grant or cannot be asked. */
export function toGrantFault(error: unknown): Fault {
  const fault = asFault(error);
  switch (fault.code) {
    case "rateLimited":
    case "webexError":
      return new Fault(
        "webexUnreachable",
        "Webex cannot be asked at the moment: the authorization is neither proved nor kept.",
        {
          ...faultDetails(fault),
          hint: "Try again later; if it goes on, look at status.webex.com and at the way out to the internet.",
        },
      );
    case "unauthorized":
    case "grantRefused":
    case "refused":
    case "notFound":
      return grantRefused(
        fault,
        "Get a new grant from Webex: this one is over, was revoked, or belongs to another integration.",
      );
    case "forbidden":
      return grantRefused(
        fault,
        "Authorize as a full administrator, with the scopes spark-admin:people_read and spark-admin:organizations_read; Control Hub must allow the integration.",
      );
    default:
      return fault;
  }
}

export function grantRefused(fault: Fault | null, hint: string): Fault {
  return new Fault("grantRefused", "Webex refused the grant: it was not kept.", {
    ...(fault === null ? {} : faultDetails(fault)),
    hint,
    data: { hint },
  });
}

function faultDetails(fault: Fault): {
  cause: Fault;
  status?: number;
  trackingId?: string;
  retryAfterMs?: number;
} {
  return {
    cause: fault,
    ...(fault.status === undefined ? {} : { status: fault.status }),
    ...(fault.trackingId === undefined ? {} : { trackingId: fault.trackingId }),
    ...(fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs }),
  };
}
