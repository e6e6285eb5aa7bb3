import { jsonReply, type Exchange, type Reply } from "./exchange.js";
import { readFaultRule, type FaultRule } from "./faults.js";
import { knobProblems } from "./knobs.js";
import type { RequestFilter } from "./request-log.js";
import type { Role } from "./token-store.js";
import type { SimulatorControls } from "./simulator-controls.js";

/** The control endpoints under /simulator, for tests in other languages and for people with curl. */
export async function controlRoute(exchange: Exchange, webex: SimulatorControls): Promise<Reply> {
  const [, , resource, ...rest] = exchange.url.pathname.split("/");
  const key = decodeURIComponent(rest.join("/"));
  const route = `${exchange.method} ${resource ?? ""}`;
  switch (route) {
    case "GET ":
      return jsonReply(200, overview(webex));
    case "GET knobs":
      return jsonReply(200, { ...webex.knobs, faults: webex.faults });
    case "PUT knobs":
      return putKnobsReply(await exchange.json(), webex);
    case "POST faults":
      webex.fail(readFaultRule(await exchange.json()));
      return jsonReply(200, { faults: webex.faults });
    case "DELETE faults":
      webex.clearFaults();
      return jsonReply(200, { faults: [] });
    case "GET requests":
      return requestsReply(exchange.url.searchParams, webex);
    case "GET people":
      return personReply(key, webex);
    case "POST people":
      return setPersonReply(key, await exchange.json(), webex);
    case "POST grants":
      return issueGrantReply(await exchange.json(), webex);
    case "DELETE grants":
      webex.endGrants(parseOrganization(exchange.url.searchParams.get("organization")));
      return jsonReply(200, {});
    case "POST clients":
      return registerClientReply(await exchange.json(), webex);
    default:
      return jsonReply(404, {
        message: `There is no ${exchange.method} ${exchange.url.pathname}.`,
      });
  }
}

function overview(webex: SimulatorControls): unknown {
  return {
    apiUrl: webex.apiUrl,
    client: webex.client,
    organizations: webex.organizations.map(({ index, id, name, domain, people }) => ({
      index,
      id,
      name,
      domain,
      persons: people.filter((candidate) => candidate.type === "person").length,
    })),
    requestsReply: webex.mark(),
  };
}

function putKnobsReply(body: Record<string, unknown>, webex: SimulatorControls): Reply {
  const { faults, ...patch } = body;
  const problems = knobProblems(patch);
  if (problems.length > 0) return jsonReply(400, { message: problems.join(" ") });
  const rules: FaultRule[] | null =
    faults === undefined ? null : (Array.isArray(faults) ? faults : [faults]).map(readFaultRule);
  webex.set(patch);
  if (rules) {
    webex.clearFaults();
    for (const rule of rules) webex.fail(rule);
  }
  return jsonReply(200, { ...webex.knobs, faults: webex.faults });
}

function requestsReply(query: URLSearchParams, webex: SimulatorControls): Reply {
  const filter: RequestFilter = {
    ...(query.has("path") ? { path: query.get("path") ?? "" } : {}),
    ...(query.has("method") ? { method: query.get("method") ?? "" } : {}),
    ...(query.has("orgId") ? { orgId: query.get("orgId") ?? "" } : {}),
    ...(query.has("status") ? { status: Number(query.get("status")) } : {}),
  };
  const found = webex.requestsSince(Number(query.get("since") ?? 0), filter);
  const limit = Number(query.get("limit") ?? 1000);
  return jsonReply(200, {
    total: webex.mark(),
    count: found.length,
    requestsReply: found.slice(-limit),
  });
}

function personReply(key: string, webex: SimulatorControls): Reply {
  const found = webex.person(key);
  if (!found) return jsonReply(404, { message: "There is no person with this address or id." });
  const { id, emails, displayName, status, lastActivity, pinned } = found;
  return jsonReply(200, { id, emails, displayName, status, lastActivity, pinned });
}

function setPersonReply(
  key: string,
  body: Record<string, unknown>,
  webex: SimulatorControls,
): Reply {
  const { status, walk } = body;
  if (!webex.person(key)) return personReply(key, webex);
  if (walk === true) webex.release(key);
  else if (typeof status === "string" || status === null) webex.setStatus(key, status);
  else
    return jsonReply(400, {
      message: 'Say {"status": "call"}, {"status": null} (none is told) or {"walk": true}.',
    });
  return personReply(key, webex);
}

function issueGrantReply(body: Record<string, unknown>, webex: SimulatorControls): Reply {
  const { organization, role, scopes, clientId } = body;
  return jsonReply(
    200,
    webex.issueGrant({
      orgIndex: typeof organization === "number" ? organization : 0,
      ...(role === "fullAdmin" || role === "partnerAdmin" || role === "user"
        ? { role: role satisfies Role }
        : {}),
      ...(isStringArray(scopes) ? { scopes } : {}),
      ...(typeof clientId === "string" ? { clientId } : {}),
    }),
  );
}

function registerClientReply(body: Record<string, unknown>, webex: SimulatorControls): Reply {
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

function parseOrganization(index: string | null): { orgIndex?: number } {
  return index === null ? {} : { orgIndex: Number(index) };
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
