import { asciiName, FIRST_NAMES, LAST_NAMES } from "../../simulator/names.js";
import type { Authorization } from "../../src/authorization/grant.js";
import type {
  DashboardEvent,
  DashboardFlow,
  DashboardPerson,
  DashboardSample,
  PeoplePage,
} from "../../src/dashboard/dashboard-model.js";
import { DashboardPage } from "../../src/dashboard/dashboard-page.js";
import { toPrintableJson } from "../../src/faults/foreign-text.js";
import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import { readAsset } from "../../src/platform/node-process.js";
import type {
  LoopbackPage,
  LoopbackRequest,
  LoopbackResponse,
  LoopbackServer,
} from "../../src/ports/loopback-server.js";
import { PRESENCE_STATES, type PresenceState } from "../../src/presence/record.js";
import type { OrganizationStatus, Problem, WorkerStatus } from "../../src/supervisor/status.js";

/** A problem that began five minutes ago. Real texts are the catalogue's business. */
export function problemOf(
  code: Problem["code"],
  severity: Problem["severity"],
  message: string,
  hint: string,
  orgId: string | null = null,
): Problem {
  return {
    code,
    severity,
    message,
    hint,
    since: new Date(Date.now() - 300_000).toISOString(),
    orgId,
  };
}

export function organizationStatusOf(
  orgId: string,
  orgName: string,
  changes: Partial<OrganizationStatus> = {},
): OrganizationStatus {
  return {
    orgId,
    orgName,
    persons: 1_204,
    watched: 86,
    mode: "mixed",
    lastSweep: {
      startedAt: new Date(Date.now() - 14_000).toISOString(),
      seconds: 3.4,
      persons: 1_204,
      requests: 2,
    },
    sweepProgress: null,
    requests: { perMinuteLimit: 60, lastMinute: 22, total: 18_211, rateLimited: 4, failed: 1 },
    rateLimitedUntil: null,
    nextRequestAt: new Date(Date.now() + 2_000).toISOString(),
    ageSeconds: { watchedP50: 4.2, watchedP95: 11.8 },
    onDemand: { lastMinute: 0, answeredInTime: 0, late: 0 },
    ...changes,
  };
}

export function authorizationOf(
  orgId: string,
  orgName: string,
  changes: Partial<Authorization> = {},
): Authorization {
  return {
    orgId,
    orgName,
    authorizedBy: "Ada Admin",
    scopes: ["spark-admin:people_read", "spark-admin:organizations_read"],
    grantedAt: "2026-11-01T09:00:00Z",
    accessTokenExpiresAt: "2026-11-15T09:00:00Z",
    refreshTokenExpiresAt: "2027-01-30T09:00:00Z",
    state: "valid",
    ...changes,
  };
}

export function statusOf(changes: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    phase: "polling",
    enabled: true,
    since: new Date(Date.now() - 3_000_000).toISOString(),
    version: "1.0.0",
    startedAt: new Date(Date.now() - 3_600_000).toISOString(),
    pid: 4711,
    secretStore: "keychain",
    settings: {
      path: String.raw`C:\UCX\Presence\Settings\Presence.ini`,
      loadedAt: null,
      values: {},
    },
    problems: [],
    organizations: [organizationStatusOf("acme", "Northwind Traders")],
    ...changes,
  };
}

/** Mostly at work, and everybody with another time. */
const STATES: readonly PresenceState[] = [
  "available",
  "available",
  "available",
  "away",
  "available",
  "onCall",
  "available",
  "inMeeting",
  "away",
  "available",
  "doNotDisturb",
  "available",
  "presenting",
  "offline",
  "unknown",
  "available",
  "outOfOffice",
  "available",
  "inMeeting",
];
const REASONS: Partial<Record<PresenceState, DashboardPerson["reason"]>> = {
  offline: "neverSignedIn",
  unknown: "stale",
};

export function personOf(index: number, changes: Partial<DashboardPerson> = {}): DashboardPerson {
  const first = FIRST_NAMES[index % FIRST_NAMES.length] ?? "";
  const last = LAST_NAMES[Math.floor(index / FIRST_NAMES.length) % LAST_NAMES.length] ?? "";
  const number = Math.floor(index / FIRST_NAMES.length / LAST_NAMES.length);
  const suffix = number === 0 ? "" : String(number);
  const state = STATES[(index * 7) % STATES.length] ?? "available";
  const ago = (milliseconds: number): string => new Date(Date.now() - milliseconds).toISOString();
  return {
    uri: `${asciiName(first)}.${asciiName(last)}${suffix}@northwind.example`,
    displayName: `${first} ${last}`,
    orgId: "acme",
    state,
    reason: REASONS[state] ?? null,
    webexStatus: null,
    since: ago(60_000 + ((index * 97_001) % 7_200_000)),
    observedAt: ago((index * 331) % 15_000),
    ...changes,
  };
}

/** A sample every 10 s for an hour, ending now. */
export function hourOfSamples(): DashboardSample[] {
  const end = Math.floor(Date.now() / 1_000);
  return Array.from({ length: 360 }, (_, index) => {
    const wave = Math.sin(index / 23) + Math.sin(index / 7) / 3;
    return {
      at: end - (359 - index) * 10,
      requestsPerMinute: Math.round(24 + 6 * wave),
      rateLimitedPerMinute: index > 180 && index < 200 ? 3 : 0,
      watchedAgeP50: index < 40 ? null : 4 + wave,
      watchedAgeP95: index < 40 ? null : 12 + 2 * wave,
      sweepSeconds: index < 30 ? null : 3.2 + wave / 3,
      changesPerMinute: Math.max(0, Math.round(40 + 25 * wave)),
    };
  });
}

interface Action {
  readonly status: number;
  readonly body: object;
}

/**
 * Serves the real page of the dashboard with invented figures, and says what a worker would. For
 * what the page shows in each state, however rare; what the worker sends is tested elsewhere.
 */
export class DashboardWorkerFake {
  status = statusOf();
  authorizations: Authorization[] = [authorizationOf("acme", "Northwind Traders")];
  flow: DashboardFlow | null = null;
  people: DashboardPerson[] = [];
  samples = hourOfSamples();
  /** How far the worker's clock is ahead of the browser's. */
  clockOffsetMs = 0;
  /** As after a restart: the page's key is not known. */
  isKeyRejected = false;
  readonly answers: Record<string, Action> = {
    "/poll-now": { status: 200, body: { accepted: true, nextPossibleAt: null } },
    "/authorize": { status: 200, body: { url: "http://localhost:1/?key=k" } },
  };
  /** The paths of the requests that the page has sent. */
  readonly requests: string[] = [];
  readonly #page: DashboardPage;
  readonly #sends = new Set<(data: string) => void>();
  #server: LoopbackServer | null = null;
  #port = 0;
  #version = 1;

  private constructor(page: DashboardPage) {
    this.#page = page;
  }

  static async start(): Promise<DashboardWorkerFake> {
    const fake = new DashboardWorkerFake(await DashboardPage.load(readAsset, () => "nonce"));
    await fake.listen();
    return fake;
  }

  get url(): string {
    return `http://localhost:${this.#port}/`;
  }

  /** How many event streams are open. */
  get streamCount(): number {
    return this.#sends.size;
  }

  /** Listens, on the same port as before. */
  async listen(): Promise<void> {
    this.#server = await listenOnLoopback(this.#port, (request) =>
      Promise.resolve(this.#respond(request)),
    );
    this.#port = this.#server.port;
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#sends.clear();
  }

  /** Sends the status as it is now. */
  publish(changes: Partial<WorkerStatus> = {}): void {
    this.status = { ...this.status, ...changes };
    this.#send(this.#statusEvent());
  }

  addSample(sample: DashboardSample): void {
    this.samples.push(sample);
    this.#send({ kind: "sample", sample });
  }

  publishPeople(): void {
    this.#version += 1;
    this.#send(this.#peopleEvent());
  }

  #send(event: DashboardEvent): void {
    for (const send of this.#sends) send(toPrintableJson(event));
  }

  #statusEvent(): DashboardEvent {
    const { status, authorizations, flow } = this;
    const now = new Date(Date.now() + this.clockOffsetMs).toISOString();
    return { kind: "status", now, status, authorizations, flow };
  }

  #peopleEvent(): DashboardEvent {
    return { kind: "people", version: this.#version, total: this.people.length };
  }

  #respond({ target, method }: LoopbackRequest): LoopbackResponse {
    const url = new URL(target, this.url);
    this.requests.push(`${method} ${url.pathname}`);
    if (url.pathname === "/dashboard.js") return this.#page.script();
    if (this.isKeyRejected) return json(403, { error: "The key is not valid.", hint: "" });
    const action = this.answers[url.pathname];
    if (action !== undefined) return json(action.status, action.body);
    switch (url.pathname) {
      case "/":
        return this.#page.document();
      case "/history":
        return json(200, { intervalSeconds: 10, samples: this.samples });
      case "/people":
        return json(200, this.#selectPeople(url.searchParams));
      case "/events":
        return {
          kind: "events",
          headers: {},
          open: (send) => {
            this.#sends.add(send);
            send(toPrintableJson(this.#statusEvent()));
            send(toPrintableJson(this.#peopleEvent()));
            return () => this.#sends.delete(send);
          },
        };
      default:
        return json(404, { error: "There is no such page.", hint: "" });
    }
  }

  #selectPeople(query: URLSearchParams): PeoplePage {
    const search = (query.get("search") ?? "").toLowerCase();
    const states = (query.get("states") ?? "").split(",").filter((state) => state !== "");
    const offset = Number(query.get("offset"));
    const matching = this.people.filter(
      ({ displayName, uri, state }) =>
        `${displayName ?? ""}\n${uri}`.toLowerCase().includes(search) &&
        (states.length === 0 || states.includes(state)),
    );
    const sort = query.get("sort") ?? "name";
    const direction = query.get("order") === "descending" ? -1 : 1;
    const keyed = matching.map((person) => ({ person, key: sortKey(person, sort) }));
    keyed.sort((a, b) => (a.key < b.key ? -direction : a.key > b.key ? direction : 0));
    return {
      version: this.#version,
      total: this.people.length,
      matching: matching.length,
      offset,
      people: keyed.slice(offset, offset + Number(query.get("limit"))).map(({ person }) => person),
    };
  }
}

function sortKey(person: DashboardPerson, sort: string): string | number {
  switch (sort) {
    case "address":
      return person.uri;
    case "state":
      return PRESENCE_STATES.indexOf(person.state);
    case "since":
      return person.since ?? "";
    case "age":
      return -Date.parse(person.observedAt ?? "");
    default:
      return (person.displayName ?? person.uri).toLowerCase();
  }
}

function json(status: number, body: object): LoopbackPage {
  const headers = { "content-type": "application/json" };
  return { kind: "page", status, headers, body: toPrintableJson(body) };
}
