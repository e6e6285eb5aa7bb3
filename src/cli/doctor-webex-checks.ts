import type { GrantStatus } from "../authorization/authorizations.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import { asFault, type Fault } from "../faults/fault.js";
import { version } from "../platform/installation.js";
import { systemClock } from "../platform/system-clock.js";
import { problemText } from "../supervisor/problem-catalog.js";
import type { Me } from "../webex/people-api.js";
import { WebexPeople } from "../webex/people.js";
import { RestClient } from "../webex/rest.js";
import {
  type Check,
  failed,
  failedWith,
  type Finding,
  ok,
  skipped,
  warning,
} from "./doctor-finding.js";
import { countPeople, type Headcount } from "./doctor-headcount.js";
import type { Session } from "./session.js";

/** Cisco's recommendation for connectors that read presence so. */
const RECOMMENDED_MAX_PERSONS = 1_000;
const UNLIMITED_GATE = { acquire: () => Promise.resolve(), complete: () => undefined };

/** One organization, asked with its own grant; each question only once. */
interface AuthorizedOrganization {
  readonly grantStatus: GrantStatus;
  readonly me: (signal: AbortSignal) => Promise<Me | Fault>;
  readonly count: (signal: AbortSignal) => Promise<Headcount | Fault>;
}

/** Client, grant, scopes, role, status sharing and size of each organization. The session has to be open by then. */
export function webexChecks(session: Session): Check[] {
  const listOrganizations = memoize(() =>
    Promise.resolve(
      session.authorizations
        .grantStatuses()
        .map((grantStatus) => organizationFor(session, grantStatus)),
    ),
  );
  const each = (
    name: string,
    check: (organization: AuthorizedOrganization, signal: AbortSignal) => Promise<Finding>,
  ): Check => ({
    name,
    run: async (signal) => {
      const organizations = await listOrganizations(signal);
      if (organizations.length === 0)
        return [skipped("not checked: no organization is authorized")];
      return Promise.all(
        organizations.map(async (organization) => {
          const { orgId, orgName } = organization.grantStatus;
          const finding = await check(organization, signal);
          return { ...finding, message: `${orgName}: ${finding.message}`, orgId };
        }),
      );
    },
  });
  return [
    { name: "client", run: () => Promise.resolve([clientFinding(session)]) },
    {
      name: "grant",
      run: async (signal) => {
        const { state } = session.grantStore;
        if (state.kind !== "ready") return [skipped("not checked: the keychain cannot be read")];
        const findings = await each("grant", grantFinding).run(signal);
        if (state.grants.length > 0 || state.unreadableOrgIds.length > 0) return findings;
        const { message, hint } = problemText("authorizationRequired", {
          account: session.account,
        });
        return [failed(message, hint)];
      },
    },
    each("scopes", (organization) => Promise.resolve(scopesFinding(organization))),
    each("role", roleFinding),
    each("status sharing", sharingFinding),
    each("organization size", sizeFinding),
  ];
}

function organizationFor(session: Session, grantStatus: GrantStatus): AuthorizedOrganization {
  const { apiUrl } = session.settings;
  const parts = { apiUrl, version, http: session.network, clock: systemClock };
  const people = new WebexPeople(
    new RestClient(parts, session.tokensOf(grantStatus.orgId), UNLIMITED_GATE),
  );
  return {
    grantStatus,
    me: memoize((signal) => people.me(signal).catch(asFault)),
    count: memoize((signal) => countPeople(people, signal).catch(asFault)),
  };
}

function clientFinding({ grantStore: vault, authorizations }: Session): Finding {
  if (vault.state.kind !== "ready") return skipped("not checked: the keychain cannot be read");
  try {
    const { clientId } = authorizations.client();
    return ok(`${clientId}, and its secret is in the keychain`);
  } catch (error) {
    return failedWith(error);
  }
}

async function grantFinding(
  { grantStatus, me }: AuthorizedOrganization,
  signal: AbortSignal,
): Promise<Finding> {
  if (grantStatus.fault !== null) return failedWith(grantStatus.fault);
  const answer = await me(signal);
  if (!isFault(answer))
    return ok(
      `Webex accepts the authorization of ${answer.displayName ?? answer.email ?? "the administrator"}`,
    );
  if (answer.code !== "grantRefused" && answer.code !== "unauthorized") return failedWith(answer);
  const { message, hint } = problemText("authorizationExpired", {
    organization: grantStatus.orgName,
  });
  return failed(message, hint);
}

function scopesFinding({ grantStatus }: AuthorizedOrganization): Finding {
  const { scopes } = grantStatus;
  if (scopes === null) return skipped("not checked: the authorization cannot be read");
  const missingScopes = REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
  if (missingScopes.length === 0) return ok(REQUIRED_SCOPES.join(", "));
  const { message, hint } = problemText("scopeMissing", {
    organization: grantStatus.orgName,
    missingScopes,
  });
  return failed(message, hint);
}

async function roleFinding(
  { grantStatus, me, count }: AuthorizedOrganization,
  signal: AbortSignal,
): Promise<Finding> {
  const answer = await me(signal);
  if (isFault(answer)) return skipped("not checked: Webex does not accept the authorization");
  const counted = await count(signal);
  const refused = isFault(counted) && (counted.code === "refused" || counted.code === "forbidden");
  if (refused && REQUIRED_SCOPES.every((scope) => grantStatus.scopes?.includes(scope))) {
    const { message, hint } = problemText("adminRoleLost", { organization: grantStatus.orgName });
    return failed(message, hint);
  }
  if (refused) return skipped("not checked: a scope is missing");
  if (answer.isFullAdmin) return ok("Full Admin, and may list everyone");
  const { hint } = problemText("adminRoleLost", { organization: grantStatus.orgName });
  return warning(
    "the administrator who authorized is no Full Admin; Webex lists people to them all the same, for now.",
    hint,
  );
}

async function sharingFinding(
  { grantStatus, me }: AuthorizedOrganization,
  signal: AbortSignal,
): Promise<Finding> {
  const answer = await me(signal);
  if (isFault(answer)) return skipped("not checked: Webex does not accept the authorization");
  if (answer.sharesStatus)
    return ok("the administrator who authorized shares their status, so Webex tells everyone's");
  const { message, hint } = problemText("statusSharingOff", { organization: grantStatus.orgName });
  return failed(message, hint);
}

async function sizeFinding(
  { grantStatus, count }: AuthorizedOrganization,
  signal: AbortSignal,
): Promise<Finding> {
  const counted = await count(signal);
  if (isFault(counted)) return skipped("not counted: Webex does not list the people");
  const { persons, complete } = counted;
  if (!complete || persons > RECOMMENDED_MAX_PERSONS) {
    const { message, hint } = problemText("organizationTooLarge", {
      organization: grantStatus.orgName,
      persons,
    });
    return warning(
      complete ? message : message.replace(String(persons), `more than ${persons}`),
      hint,
    );
  }
  return ok(`${persons} people`);
}

function isFault(answer: object): answer is Fault {
  return answer instanceof Error;
}

function memoize<T>(
  load: (signal: AbortSignal) => Promise<T>,
): (signal: AbortSignal) => Promise<T> {
  let result: Promise<T> | null = null;
  return (signal) => (result ??= load(signal));
}
