import { asFault, Fault, type FaultCode } from "../faults/fault.js";
import { toPrintableJson } from "../faults/foreign-text.js";
import { checkHost, checkMethod, checkOrigin } from "../pages/request-checks.js";
import { redirect, refresh, SECURITY_HEADERS, type Rejection } from "../pages/responses.js";
import type { Clock } from "../ports/clock.js";
import type { LoopbackPage, LoopbackRequest, LoopbackResponse } from "../ports/loopback-server.js";
import type { Logger } from "../ports/logger.js";
import type { FormatMetrics, MetricsFormat } from "../ports/metrics.js";
import type { ReadProcessUsage } from "../ports/process.js";
import type { PeopleIndex } from "../presence/people-index.js";
import type { DashboardAccess } from "./dashboard-access.js";
import { describeFlow, type DashboardFeed } from "./dashboard-feed.js";
import type { DashboardPage } from "./dashboard-page.js";
import type { DashboardServices } from "./dashboard-services.js";
import type { History } from "./history.js";
import { workerMetrics } from "./metrics.js";
import { parsePeopleQuery, peoplePage } from "./people-query.js";

export interface DashboardHandlerOptions {
  readonly port: number;
  readonly access: DashboardAccess;
  readonly page: DashboardPage;
  readonly feed: DashboardFeed;
  readonly history: History;
  readonly services: DashboardServices;
  readonly formatMetrics: FormatMetrics;
  readonly readUsage: ReadProcessUsage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the dashboard closes. */
  readonly signal: AbortSignal;
}

const METHODS: ReadonlyMap<string, "GET" | "POST"> = new Map([
  ["/", "GET"],
  ["/dashboard.js", "GET"],
  ["/events", "GET"],
  ["/people", "GET"],
  ["/history", "GET"],
  ["/metrics", "GET"],
  ["/poll-now", "POST"],
  ["/authorize", "POST"],
]);
/** Several pages of several people; each costs the worker little, but not nothing. */
const MAX_CONNECTIONS = 32;
/** How long the index of people is kept after the last page has gone. */
const INDEX_LIFETIME_MS = 10_000;
const HOW_TO_OPEN =
  'Run "ucx-webex-presence dashboard" on this machine, in the account of the worker, and open the address that it prints.';

/** Answers the requests of the dashboard's page and of programs that read its metrics. */
export class DashboardHandler {
  readonly #options: DashboardHandlerOptions;
  #index: PeopleIndex | null = null;
  #cancelDrop: (() => void) | null = null;

  constructor(options: DashboardHandlerOptions) {
    this.#options = options;
  }

  async handle(request: LoopbackRequest): Promise<LoopbackResponse> {
    const path = request.target.replace(/\?.*$/s, "");
    try {
      return await this.#respond(request, path);
    } catch (thrown) {
      const fault = asFault(thrown);
      const status = STATUS_OF[fault.code];
      if (status !== undefined) return faultResponse(status, fault);
      this.#options.logger.error("The dashboard failed to respond.", { path, error: fault });
      throw thrown;
    }
  }

  /** Forgets what is kept for open pages. */
  stop(): void {
    this.#cancelDrop?.();
    this.#cancelDrop = null;
    this.#index = null;
  }

  async #respond(request: LoopbackRequest, path: string): Promise<LoopbackResponse> {
    const { access, port, page, history } = this.#options;
    const query = new URLSearchParams(request.target.slice(path.length));
    const rejection = this.#check(request, path, query);
    if (rejection !== null) {
      const isForPeople = /\btext\/html\b/.test(request.headers.accept ?? "");
      return isForPeople ? page.rejection(rejection) : rejectionResponse(rejection);
    }
    switch (path) {
      case "/": {
        if (!query.has("key")) return page.document();
        // A browser does not send a SameSite=Strict cookie where a link of another site has led, a
        // redirection included. What that page itself opens next counts as of the same site.
        const isFromOtherSite = request.headers["sec-fetch-site"] === "cross-site";
        const { headers, ...moved } = isFromOtherSite ? refresh("/") : redirect(303, "/");
        return { ...moved, headers: { ...headers, "set-cookie": access.cookie(port) } };
      }
      case "/dashboard.js":
        return page.script();
      case "/events":
        return this.#openEventStream();
      case "/people":
        return this.#people(query);
      case "/history":
        return json(200, history.current());
      case "/metrics":
        return this.#metrics(request);
      case "/poll-now":
        return this.#pollNow(request);
      default:
        return this.#authorize();
    }
  }

  /** Refuses everything that is not for the page, or not from it. */
  #check(request: LoopbackRequest, path: string, query: URLSearchParams): Rejection | null {
    const { access, port } = this.#options;
    const wrongHost = checkHost(request, port);
    if (wrongHost !== null) return wrongHost;
    const method = METHODS.get(path);
    if (method === undefined) return NOT_FOUND;
    const wrongMethod = checkMethod(request, method);
    if (wrongMethod !== null) return wrongMethod;
    if (path === "/metrics") return access.hasBearer(request) ? null : NO_BEARER;
    if (path === "/" && query.has("key"))
      return access.isKey(query.get("key") ?? "") ? null : WRONG_KEY;
    if (!access.hasCookie(request, port)) return NO_COOKIE;
    if (method === "GET") return null;
    const { origin, "sec-fetch-site": site } = request.headers;
    // Every browser sends one of them.
    if (origin === undefined && site === undefined) return NO_ORIGIN;
    return checkOrigin(request);
  }

  #openEventStream(): LoopbackResponse {
    const { feed } = this.#options;
    if (feed.connectionCount >= MAX_CONNECTIONS) {
      return rejectionResponse({
        status: 503,
        title: "Too many dashboards are open.",
        hint: "Close some of them.",
      });
    }
    return {
      kind: "events",
      headers: SECURITY_HEADERS,
      open: (send) => {
        const disconnect = feed.connect(send);
        return () => {
          disconnect();
          this.#dropIndexLater();
        };
      },
    };
  }

  async #people(search: URLSearchParams): Promise<LoopbackPage> {
    const { services, feed } = this.#options;
    const query = parsePeopleQuery(search);
    this.#index ??= services.presence.createPeopleIndex();
    this.#dropIndexLater();
    const version = services.presence.peopleVersion;
    const selected = await this.#index.select(query);
    if (selected.isOutdated) feed.repeatPeople();
    return json(200, peoplePage(selected, query, version));
  }

  #dropIndexLater(): void {
    this.#cancelDrop?.();
    this.#cancelDrop = this.#options.clock.schedule(INDEX_LIFETIME_MS, () => {
      if (this.#options.feed.connectionCount === 0) this.#index = null;
    });
  }

  async #metrics({ headers }: LoopbackRequest): Promise<LoopbackPage> {
    const { services, readUsage, formatMetrics } = this.#options;
    const families = workerMetrics(services, readUsage());
    const { contentType, text } = await formatMetrics(families, acceptedFormat(headers.accept));
    const allHeaders = { ...SECURITY_HEADERS, "content-type": contentType };
    return { kind: "page", status: 200, headers: allHeaders, body: text };
  }

  #pollNow(request: LoopbackRequest): LoopbackPage {
    const { orgId = null } = readBody(request);
    if (orgId !== null && typeof orgId !== "string")
      throw new Fault("invalidParams", "orgId is not a text.", { hint: "Reload the page." });
    const outcome = this.#options.services.poll(orgId);
    this.#options.logger.info("Somebody asked on the dashboard to poll.", { orgId });
    return json(200, outcome);
  }

  /** An open flow of the other method is as good. */
  async #authorize(): Promise<LoopbackPage> {
    const { services, signal, logger } = this.#options;
    const { authorization } = services;
    const { flow } = authorization.current();
    const open = flow === null ? null : describeFlow(flow);
    if (open !== null && flow?.state === "waiting") return json(200, { url: open.url });
    logger.info("Somebody asked on the dashboard to authorize an organization.");
    const { url } = await authorization.begin("browser", signal);
    return json(200, { url });
  }
}

const NO_COOKIE: Rejection = {
  status: 403,
  title: "This dashboard is not open in this browser",
  hint: HOW_TO_OPEN,
};
const WRONG_KEY: Rejection = {
  status: 403,
  title: "This address is not valid",
  hint: `Its key belongs to an earlier process of the worker. ${HOW_TO_OPEN}`,
};
const NO_BEARER: Rejection = {
  status: 401,
  title: "The metrics need the dashboard's key.",
  hint: `Send "Authorization: Bearer KEY" with the key of the dashboard's address. ${HOW_TO_OPEN}`,
  headers: { "www-authenticate": 'Bearer realm="ucx-webex-presence"' },
};
const NOT_FOUND: Rejection = { status: 404, title: "Page not found", hint: HOW_TO_OPEN };
const NO_ORIGIN: Rejection = {
  status: 403,
  title: "Request refused",
  hint: "Use the buttons on the dashboard.",
};

/** The faults that a person can do something about. */
const STATUS_OF: Partial<Record<FaultCode, number>> = {
  invalidParams: 400,
  unknownOrganization: 404,
  clientNotConfigured: 409,
  authorizationInProgress: 409,
  redirectPortInUse: 409,
  keychainUnavailable: 503,
  keychainLocked: 503,
  webexUnreachable: 503,
  webexError: 503,
  rateLimited: 503,
  cancelled: 503,
};

function faultResponse(status: number, { message, hint = "" }: Fault): LoopbackPage {
  return json(status, { error: message, hint });
}

function rejectionResponse({ status, title, hint, headers }: Rejection): LoopbackPage {
  return json(status, { error: title, hint }, headers);
}

function json(
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): LoopbackPage {
  return {
    kind: "page",
    status,
    headers: { ...SECURITY_HEADERS, "content-type": "application/json", ...headers },
    body: toPrintableJson(value),
  };
}

/** JSON, or the form of a page. Throws `Fault` `invalidParams`. */
function readBody({ headers, body }: LoopbackRequest): Readonly<Record<string, unknown>> {
  const type = (headers["content-type"] ?? "").toLowerCase();
  if (type.startsWith("application/x-www-form-urlencoded"))
    return Object.fromEntries(new URLSearchParams(body).entries());
  if (body === "") return {};
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // Reported below.
  }
  throw new Fault("invalidParams", "The body is not a JSON object.", { hint: "Reload the page." });
}

/** Prometheus's own text format, for programs that ask for that alone. */
function acceptedFormat(accept = ""): MetricsFormat {
  const isOpenMetrics = /application\/openmetrics-text|\*\/\*/i.test(accept) || accept === "";
  return isOpenMetrics || !/text\/plain/i.test(accept) ? "openMetrics" : "prometheus";
}
