import type { GrantStatus } from "../authorization/grant-status.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import { asFault, Fault } from "../faults/fault.js";
import { version } from "../platform/node-process.js";
import { systemClock } from "../platform/system-clock.js";
import { problemText } from "../faults/problem-catalog.js";
import { createPeopleApi, type Me, type PageReference, type PeopleApi } from "../webex/people.js";
import { RestClient } from "../webex/rest.js";
import {
  failed,
  failedAs,
  ok,
  skipped,
  warning,
  type Check,
  type CheckResult,
  type Finding,
} from "./doctor-finding.js";
import type { Http } from "../ports/http.js";
import type { Session } from "./session.js";

/** What the checks use of a session. */
interface CheckedSession extends Pick<
  Session,
  "account" | "createTokenSource" | "grantStore" | "settings"
> {
  readonly network: Http;
  readonly authorizations: Pick<Session["authorizations"], "client" | "grantStatuses">;
}

interface PeopleCount {
  readonly persons: number;
  /** False if there are more pages than `MAX_PAGES`. */
  readonly isComplete: boolean;
}

/** An organization and its data at Webex, each requested at most once. */
interface Organization extends GrantStatus {
  readonly me: () => Promise<Me | Fault>;
  readonly count: () => Promise<PeopleCount | Fault>;
}

/** Cisco's recommendation for connectors that read presence from the people API. */
const RECOMMENDED_MAX_PERSONS = 1_000;
const PAGE_SIZE = 1_000;
/** The count shares the organization's rate limit with the worker. */
const MAX_PAGES = 20;
const UNLIMITED = { acquire: () => Promise.resolve(), complete: () => undefined };
const KEYCHAIN_UNREADABLE = skipped("not checked: the keychain cannot be read");

/**
 * Checks the client and, for each organization, the grant, scopes, role, status sharing and size.
 * The session has to be open.
 */
export function webexChecks(session: CheckedSession, signal: AbortSignal): Check[] {
  // Not before the first of these checks runs: the keychain has to be read by then.
  const listOrganizations = memoize(() =>
    session.authorizations
      .grantStatuses()
      .map((grantStatus) => createOrganization(session, grantStatus, signal)),
  );
  const checkEach = async (
    check: (organization: Organization) => Finding | Promise<Finding>,
  ): Promise<CheckResult> => {
    const organizations = listOrganizations();
    if (organizations.length === 0) {
      if (session.grantStore.state.kind !== "ready") return KEYCHAIN_UNREADABLE;
      return skipped("not checked: no organization is authorized");
    }
    return Promise.all(
      organizations.map(async (organization) => {
        const { orgId, orgName } = organization;
        const finding = await check(organization);
        return { ...finding, message: `${orgName}: ${finding.message}`, orgId, orgName };
      }),
    );
  };
  return [
    { name: "client", run: () => checkClient(session, listOrganizations()) },
    { name: "grant", run: () => checkGrants(session) ?? checkEach(checkGrant) },
    { name: "scopes", run: () => checkEach(checkScopes) },
    { name: "role", run: () => checkEach(checkRole) },
    { name: "status sharing", run: () => checkEach(checkStatusSharing) },
    { name: "organization size", run: () => checkEach(checkSize) },
  ];
}

function createOrganization(
  { settings, network, grantStore, createTokenSource }: CheckedSession,
  grantStatus: GrantStatus,
  signal: AbortSignal,
): Organization {
  const options = {
    ...{ apiUrl: settings.apiUrl, version, http: network, clock: systemClock },
    storedSecrets: () => grantStore.secrets(),
  };
  const { orgId } = grantStatus;
  const rest = new RestClient(options, createTokenSource(orgId), UNLIMITED);
  const people = createPeopleApi(rest, orgId);
  return {
    ...grantStatus,
    me: memoize(() => people.me(signal).catch(asFault)),
    count: memoize(() => countPeople(people, signal).catch(asFault)),
  };
}

async function checkClient(
  { grantStore, authorizations }: CheckedSession,
  organizations: readonly Organization[],
): Promise<Finding> {
  if (grantStore.state.kind !== "ready") return KEYCHAIN_UNREADABLE;
  const { clientId } = authorizations.client();
  const users = await Promise.all(organizations.map(({ me }) => me()));
  const rejection = users.filter((user) => user instanceof Fault).find(isClientRejected);
  if (rejection !== undefined) return { ...failed(rejection), code: "clientRejected" };
  return ok(`${clientId}, its secret is in the keychain`);
}

function isClientRejected({ data }: Fault): boolean {
  return data.secretRefused === true;
}

/** For a check that needs what the request for the administrator did not return. */
function notChecked(fault: Fault): Finding {
  return skipped(`not checked: ${reasonNotChecked(fault)}`);
}

function reasonNotChecked(fault: Fault): string {
  if (isClientRejected(fault)) return "Webex rejects the client ID and client secret";
  switch (fault.code) {
    case "grantRefused":
    case "unauthorized":
      return "Webex does not accept the authorization";
    case "authorizationRequired":
      return "the authorization cannot be used";
    case "clientNotConfigured":
      return "the client cannot be used";
    case "keychainLocked":
    case "keychainUnavailable":
      return "the keychain cannot be read";
    case "webexUnreachable":
      return "Webex cannot be reached";
    default:
      return "Webex did not answer the grant check";
  }
}

/** Null if there are grants to check. */
function checkGrants({ grantStore: { state }, account }: CheckedSession): Finding | null {
  if (state.kind !== "ready") return KEYCHAIN_UNREADABLE;
  if (state.grants.length > 0 || state.unreadableOrgIds.length > 0) return null;
  return failedAs("authorizationRequired", { account });
}

async function checkGrant({ fault, orgName, me }: Organization): Promise<Finding> {
  if (fault !== null) return failed(fault);
  const user = await me();
  if (user instanceof Fault) {
    if (isClientRejected(user)) return notChecked(user);
    const { code, status, trackingId, hint } = user;
    if (code !== "grantRefused" && code !== "unauthorized") return failed(user);
    const response = {
      ...(status !== undefined && { status }),
      ...(trackingId !== undefined && { trackingId }),
      ...(code === "grantRefused" && hint !== undefined && { hint }),
    };
    return failedAs("authorizationExpired", { organization: orgName, ...response });
  }
  const { displayName, email } = user;
  return ok(`Webex accepts the authorization of ${displayName ?? email ?? "the administrator"}`);
}

function checkScopes({ scopes, orgName: organization }: Organization): Finding {
  if (scopes === null) return skipped("not checked: the authorization cannot be read");
  const missingScopes = REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
  if (missingScopes.length === 0) return ok(REQUIRED_SCOPES.join(", "));
  return failedAs("scopeMissing", { organization, missingScopes });
}

async function checkRole({ scopes, orgName, me, count }: Organization): Promise<Finding> {
  const user = await me();
  if (user instanceof Fault) return notChecked(user);
  const people = await count();
  if (people instanceof Fault && (people.code === "refused" || people.code === "forbidden")) {
    return REQUIRED_SCOPES.every((scope) => scopes?.includes(scope))
      ? failedAs("adminRoleLost", { organization: orgName })
      : skipped("not checked: a scope is missing");
  }
  // For example a firewall's page, which says nothing about the role.
  if (people instanceof Fault) return failed(people);
  if (user.isFullAdmin) return ok("Full Admin, can list everyone");
  return warning("notFullAdmin", {
    message:
      "The administrator who authorized it is not a Full Admin. For now, Webex lists people to them nevertheless.",
    hint: problemText("adminRoleLost", { organization: orgName }).hint,
  });
}

async function checkStatusSharing({ orgName, me }: Organization): Promise<Finding> {
  const user = await me();
  if (user instanceof Fault) return notChecked(user);
  if (user.sharesStatus)
    return ok("the administrator shares their status, so Webex reports everyone's");
  return failedAs("statusSharingOff", { organization: orgName });
}

async function checkSize({ orgName: organization, me, count }: Organization): Promise<Finding> {
  const user = await me();
  if (user instanceof Fault) return notChecked(user);
  const people = await count();
  if (people instanceof Fault) return skipped("not checked: Webex does not list the people");
  const { persons, isComplete } = people;
  if (isComplete && persons <= RECOMMENDED_MAX_PERSONS) return ok(`${persons} people`);
  const code = "organizationTooLarge";
  const { message, hint } = problemText(code, { organization, persons });
  if (isComplete) return warning(code, { message, hint });
  return warning(code, {
    message: message.replace(String(persons), `more than ${persons}`),
    hint,
  });
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

function memoize<T extends object>(load: () => T): () => T {
  let result: T | null = null;
  return () => (result ??= load());
}
