import { z } from "zod";
import { jsonReply, type Exchange, type Reply } from "./exchange.js";
import { readFaultRule, type FaultRule } from "./faults.js";
import { knobProblems, type Knobs } from "./knobs.js";
import type { SimulatedOrganization, SimulatedPerson } from "./people-factory.js";
import type { LoggedRequest, RequestFilter } from "./request-log.js";
import type { ClientOptions, Role, SimulatedClient } from "./token-store.js";

/** The members of `WebexSimulator` that the control endpoints use. */
export interface SimulatorControls {
  readonly apiUrl: string;
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  readonly organizations: readonly SimulatedOrganization[];
  readonly knobs: Readonly<Knobs>;
  readonly faults: readonly FaultRule[];
  set(patch: Partial<Knobs>): void;
  fail(rule: FaultRule): void;
  clearFaults(): void;
  mark(): number;
  requestsSince(mark: number, filter: RequestFilter): LoggedRequest[];
  person(key: string): SimulatedPerson | null;
  setStatus(key: string, status: string | null): number;
  release(key: string): void;
  addPerson(
    orgIndex: number,
    options: { email?: string; displayName?: string; status?: string | null },
  ): SimulatedPerson;
  removePerson(key: string): void;
  changeEmails(key: string, emails: readonly string[]): void;
  movePerson(key: string, toOrgIndex: number): void;
  organizationOf(key: string): SimulatedOrganization | null;
  issueGrant(options: {
    orgIndex?: number;
    role?: Role;
    scopes?: readonly string[];
    clientId?: string;
  }): object;
  endGrants(options: { orgIndex?: number }): void;
  registerClient(options: ClientOptions): SimulatedClient;
}

/** The control endpoints under /simulator, for tests in other languages and for curl. */
export async function handleControlRequest(
  exchange: Exchange,
  webex: SimulatorControls,
): Promise<Reply> {
  const { method, url } = exchange;
  const [, , resource = "", ...rest] = url.pathname.split("/");
  const key = decodeURIComponent(rest.join("/"));
  switch (`${method} ${resource}`) {
    case "GET ":
      return jsonReply(200, overview(webex));
    case "GET knobs":
      return jsonReply(200, { ...webex.knobs, faults: webex.faults });
    case "PUT knobs":
      return putKnobs(await exchange.json(), webex);
    case "POST faults":
      webex.fail(readFaultRule(await exchange.json()));
      return jsonReply(200, { faults: webex.faults });
    case "DELETE faults":
      webex.clearFaults();
      return jsonReply(200, { faults: [] });
    case "GET requests":
      return getRequests(url.searchParams, webex);
    case "GET people":
      return getPerson(key, webex);
    case "POST people": {
      const body = await exchange.json();
      return key === "" ? addPerson(body, webex) : changePerson(key, body, webex);
    }
    case "DELETE people":
      if (!webex.person(key)) return getPerson(key, webex);
      webex.removePerson(key);
      return jsonReply(200, {});
    case "POST grants":
      return issueGrant(await exchange.json(), webex);
    case "DELETE grants": {
      const index = url.searchParams.get("organization");
      webex.endGrants(index === null ? {} : { orgIndex: Number(index) });
      return jsonReply(200, {});
    }
    case "POST clients":
      return registerClient(await exchange.json(), webex);
    default:
      return jsonReply(404, { message: `There is no ${method} ${url.pathname}.` });
  }
}

function overview(webex: SimulatorControls): object {
  return {
    apiUrl: webex.apiUrl,
    client: webex.client,
    organizations: webex.organizations.map(({ index, id, name, domain, locations, people }) => ({
      index,
      id,
      name,
      domain,
      locations,
      persons: people.filter((person) => person.type === "person").length,
    })),
    requests: webex.mark(),
  };
}

function putKnobs(body: Record<string, unknown>, webex: SimulatorControls): Reply {
  const { faults, ...patch } = body;
  const problems = knobProblems(patch);
  if (problems.length > 0) return jsonReply(400, { message: problems.join(" ") });
  const rules =
    faults === undefined ? null : (Array.isArray(faults) ? faults : [faults]).map(readFaultRule);
  webex.set(patch);
  if (rules) {
    webex.clearFaults();
    for (const rule of rules) webex.fail(rule);
  }
  return jsonReply(200, { ...webex.knobs, faults: webex.faults });
}

function getRequests(query: URLSearchParams, webex: SimulatorControls): Reply {
  const { path, method, orgId, status, since, limit } = Object.fromEntries(query) as Partial<
    Record<string, string>
  >;
  const filter = { path, method, orgId, status: status === undefined ? status : Number(status) };
  const found = webex.requestsSince(Number(since ?? 0), filter);
  return jsonReply(200, {
    total: webex.mark(),
    count: found.length,
    requests: found.slice(-Number(limit ?? 1000)),
  });
}

function getPerson(key: string, webex: SimulatorControls): Reply {
  const found = webex.person(key);
  if (!found) return jsonReply(404, { message: "No person has this address or id." });
  const { id, emails, displayName, status, lastActivity, pinned } = found;
  const organization = webex.organizationOf(key)?.index;
  return jsonReply(200, {
    id,
    organization,
    emails,
    displayName,
    status,
    lastActivity,
    pinned,
  });
}

const PERSON_OPTIONS = {
  organization: z.int().min(0).optional(),
  status: z.string().nullable().optional(),
};
const NEW_PERSON = z.strictObject({
  ...PERSON_OPTIONS,
  email: z.string().optional(),
  displayName: z.string().optional(),
});
const PERSON_CHANGE = z
  .strictObject({
    ...PERSON_OPTIONS,
    emails: z.array(z.string()).optional(),
    walk: z.literal(true).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "Nothing to change.");

function addPerson(body: unknown, webex: SimulatorControls): Reply {
  const { organization = 0, status, email, displayName } = parse(NEW_PERSON, body);
  const { id } = webex.addPerson(organization, {
    ...(status === undefined ? {} : { status }),
    ...(email === undefined ? {} : { email }),
    ...(displayName === undefined ? {} : { displayName }),
  });
  return getPerson(id, webex);
}

function changePerson(key: string, body: unknown, webex: SimulatorControls): Reply {
  const id = webex.person(key)?.id;
  if (id === undefined) return getPerson(key, webex);
  const { organization, status, emails, walk } = parse(PERSON_CHANGE, body);
  if (organization !== undefined) webex.movePerson(id, organization);
  if (emails !== undefined) webex.changeEmails(id, emails);
  if (status !== undefined) webex.setStatus(id, status);
  if (walk === true) webex.release(id);
  return getPerson(id, webex);
}

/** Throws a RangeError that says what is not valid. */
function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, error } = schema.safeParse(body);
  if (error) throw new RangeError(`The body is not valid.\n${z.prettifyError(error)}`);
  return data;
}

function issueGrant(body: Record<string, unknown>, webex: SimulatorControls): Reply {
  const { organization, role, scopes, clientId } = body;
  const grant = webex.issueGrant({
    orgIndex: typeof organization === "number" ? organization : 0,
    ...(role === "fullAdmin" || role === "partnerAdmin" || role === "user" ? { role } : {}),
    ...(isStringArray(scopes) ? { scopes } : {}),
    ...(typeof clientId === "string" ? { clientId } : {}),
  });
  return jsonReply(200, grant);
}

function registerClient(body: Record<string, unknown>, webex: SimulatorControls): Reply {
  const { clientId, clientSecret, redirectUris, scopes } = body;
  const client = webex.registerClient({
    ...(typeof clientId === "string" ? { clientId } : {}),
    ...(typeof clientSecret === "string" ? { clientSecret } : {}),
    ...(isStringArray(redirectUris) ? { redirectUris } : {}),
    ...(isStringArray(scopes) ? { scopes } : {}),
  });
  return jsonReply(200, {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    redirectUris: [...client.redirectUris],
    scopes: [...client.scopes],
  });
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
