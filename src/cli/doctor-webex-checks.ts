import type { GrantStatus } from "../authorization/grant-status.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import { asFault, type Fault } from "../faults/fault.js";
import { version } from "../platform/node-process.js";
import { systemClock } from "../platform/system-clock.js";
import { problemText } from "../faults/problem-catalog.js";
import { createPeopleApi, type Me, type PageReference, type PeopleApi } from "../webex/people.js";
import { RestClient } from "../webex/rest.js";
import {
  failed,
  failedWith,
  ok,
  skipped,
  warning,
  type Check,
  type Finding,
} from "./doctor-finding.js";
import type { Session } from "./session.js";

interface PeopleCount {
  readonly persons: number;
  /** False if there are more pages than `MAX_PAGES`. */
  readonly isComplete: boolean;
}

/** An organization and its data at Webex, each requested at most once. */
interface Organization {
  readonly grantStatus: GrantStatus;
  readonly me: (signal: AbortSignal) => Promise<Me | Fault>;
  readonly count: (signal: AbortSignal) => Promise<PeopleCount | Fault>;
}

type OrganizationCheck = (organization: Organization, signal: AbortSignal) => Promise<Finding>;

/** Cisco's recommendation for connectors that read presence from the people API. */
const RECOMMENDED_MAX_PERSONS = 1_000;
const PAGE_SIZE = 1_000;
/** The count shares the organization's rate limit with the worker. */
const MAX_PAGES = 20;
const UNLIMITED = { acquire: () => Promise.resolve(), complete: () => undefined };
const KEYCHAIN_UNREADABLE = skipped("not checked: the keychain cannot be read");
const NOT_ACCEPTED = skipped("not checked: Webex does not accept the authorization");

/**
 * Checks the client and, for each organization, the grant, scopes, role, status sharing and size.
 * The session has to be open.
 */
export function webexChecks(session: Session): Check[] {
  const organizations = session.authorizations
    .grantStatuses()
    .map((grantStatus) => createOrganization(session, grantStatus));
  const each = (name: string, check: OrganizationCheck): Check => ({
    name,
    run: async (signal) => {
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
  const grant = each("grant", checkGrant);
  return [
    { name: "client", run: () => Promise.resolve([checkClient(session)]) },
    {
      name: "grant",
      run: async (signal) => {
        const { state } = session.grantStore;
        if (state.kind !== "ready") return [KEYCHAIN_UNREADABLE];
        if (state.grants.length === 0 && state.unreadableOrgIds.length === 0)
          return [failedWithProblem("authorizationRequired", { account: session.account })];
        return grant.run(signal);
      },
    },
    each("scopes", (organization) => Promise.resolve(checkScopes(organization))),
    each("role", checkRole),
    each("status sharing", checkStatusSharing),
    each("organization size", checkSize),
  ];
}

function createOrganization(session: Session, grantStatus: GrantStatus): Organization {
  const { apiUrl } = session.settings;
  const options = { apiUrl, version, http: session.network, clock: systemClock };
  const people = createPeopleApi(
    new RestClient(options, session.createTokenSource(grantStatus.orgId), UNLIMITED),
  );
  return {
    grantStatus,
    me: memoize((signal) => people.me(signal).catch(asFault)),
    count: memoize((signal) => countPeople(people, signal).catch(asFault)),
  };
}

function checkClient({ grantStore, authorizations }: Session): Finding {
  if (grantStore.state.kind !== "ready") return KEYCHAIN_UNREADABLE;
  try {
    return ok(`${authorizations.client().clientId}, its secret is in the keychain`);
  } catch (error) {
    return failedWith(error);
  }
}

async function checkGrant(
  { grantStatus, me }: Organization,
  signal: AbortSignal,
): Promise<Finding> {
  const { fault, orgName: organization } = grantStatus;
  if (fault !== null) return failedWith(fault);
  const user = await me(signal);
  if (isFault(user)) {
    return user.code === "grantRefused" || user.code === "unauthorized"
      ? failedWithProblem("authorizationExpired", { organization })
      : failedWith(user);
  }
  const { displayName, email } = user;
  return ok(`Webex accepts the authorization of ${displayName ?? email ?? "the administrator"}`);
}

function checkScopes({ grantStatus: { scopes, orgName: organization } }: Organization): Finding {
  if (scopes === null) return skipped("not checked: the authorization cannot be read");
  const missingScopes = REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
  if (missingScopes.length === 0) return ok(REQUIRED_SCOPES.join(", "));
  return failedWithProblem("scopeMissing", { organization, missingScopes });
}

async function checkRole(
  { grantStatus, me, count }: Organization,
  signal: AbortSignal,
): Promise<Finding> {
  const { scopes, orgName: organization } = grantStatus;
  const user = await me(signal);
  if (isFault(user)) return NOT_ACCEPTED;
  const people = await count(signal);
  if (isFault(people) && (people.code === "refused" || people.code === "forbidden")) {
    return REQUIRED_SCOPES.every((scope) => scopes?.includes(scope))
      ? failedWithProblem("adminRoleLost", { organization })
      : skipped("not checked: a scope is missing");
  }
  if (user.isFullAdmin) return ok("Full Admin, can list everyone");
  return warning(
    "The administrator who authorized it is not a Full Admin. For now, Webex lists people to them nevertheless.",
    problemText("adminRoleLost", { organization }).hint,
  );
}

async function checkStatusSharing(
  { grantStatus, me }: Organization,
  signal: AbortSignal,
): Promise<Finding> {
  const user = await me(signal);
  if (isFault(user)) return NOT_ACCEPTED;
  if (user.sharesStatus)
    return ok("the administrator shares their status, so Webex reports everyone's");
  return failedWithProblem("statusSharingOff", { organization: grantStatus.orgName });
}

async function checkSize(
  { grantStatus, count }: Organization,
  signal: AbortSignal,
): Promise<Finding> {
  const people = await count(signal);
  if (isFault(people)) return skipped("not checked: Webex does not list the people");
  const { persons, isComplete } = people;
  if (isComplete && persons <= RECOMMENDED_MAX_PERSONS) return ok(`${persons} people`);
  const { message, hint } = problemText("organizationTooLarge", {
    organization: grantStatus.orgName,
    persons,
  });
  return warning(
    isComplete ? message : message.replace(String(persons), `more than ${persons}`),
    hint,
  );
}

/** Counts the people that Webex lists. Faults: those of `PeopleApi`. */
export async function countPeople(
  people: Pick<PeopleApi, "listPage">,
  signal: AbortSignal,
): Promise<PeopleCount> {
  const ids = new Set<string>();
  let page: PageReference = { kind: "first", max: PAGE_SIZE };
  for (let pagesRead = 0; pagesRead < MAX_PAGES; pagesRead += 1) {
    const { items, next } = await people.listPage(page, signal);
    for (const item of items) {
      const person = item.read();
      if (person !== null) ids.add(person.id);
    }
    if (next === null) return { persons: ids.size, isComplete: true };
    page = { kind: "next", url: next };
  }
  return { persons: ids.size, isComplete: false };
}

function failedWithProblem(...problem: Parameters<typeof problemText>): Finding {
  const { message, hint } = problemText(...problem);
  return failed(message, hint);
}

function isFault(result: object): result is Fault {
  return result instanceof Error;
}

function memoize<T>(
  load: (signal: AbortSignal) => Promise<T>,
): (signal: AbortSignal) => Promise<T> {
  let result: Promise<T> | null = null;
  return (signal) => (result ??= load(signal));
}
