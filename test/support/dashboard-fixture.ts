import type { AuthorizationEvents, FlowView } from "../../src/authorization/flow.js";
import { Dashboard } from "../../src/dashboard/dashboard.js";
import type { DashboardServices } from "../../src/dashboard/dashboard-services.js";
import { Emitter } from "../../src/faults/emitter.js";
import type {
  ListenOnLoopback,
  LoopbackPage,
  LoopbackRequest,
} from "../../src/ports/loopback-server.js";
import type { MetricFamily } from "../../src/ports/metrics.js";
import type {
  OrganizationStatus,
  Problem,
  StatusEvents,
  WorkerStatus,
} from "../../src/supervisor/status.js";
import { settle, SeededRandom } from "./clock-fake.js";
import { FakeLoopback, type FakeEventStream } from "./loopback-server-fake.js";
import { person, PresenceFixture, sweep } from "./presence-fixture.js";

export const DASHBOARD_PORT = 8468;

/** `figures`: what differs from an organization of 30 persons that is polled without trouble. */
export function organizationStatus(
  orgId: string,
  figures: Partial<OrganizationStatus> = {},
): OrganizationStatus {
  return {
    orgId,
    orgName: `Organization ${orgId}`,
    persons: 30,
    watched: 7,
    mode: "sweep",
    lastSweep: {
      startedAt: "2026-01-01T00:00:00.000Z",
      seconds: 2.5,
      persons: 30,
      requests: 1,
    },
    sweepProgress: null,
    requests: { perMinuteLimit: 60, lastMinute: 3, total: 12, rateLimited: 0, failed: 0 },
    rateLimitedUntil: null,
    nextRequestAt: null,
    ageSeconds: { watchedP50: 4, watchedP95: 9 },
    onDemand: { lastMinute: 0, answeredInTime: 0, late: 0 },
    ...figures,
  };
}

/** A dashboard of fake services, real presence, and ports in memory. */
export class DashboardFixture {
  readonly presence = new PresenceFixture();
  readonly clock = this.presence.clock;
  readonly logger = this.presence.logger;
  readonly loopback = new FakeLoopback();
  readonly files: (string | null)[] = [];
  /** Whether the file with the address can be written. */
  canWrite = true;
  readonly polled: (string | null)[] = [];
  readonly statusEvents = new Emitter<StatusEvents>();
  readonly authorizationEvents = new Emitter<AuthorizationEvents>();
  /** Of the last request of metrics. */
  families: readonly MetricFamily[] = [];
  phase: WorkerStatus["phase"] = "polling";
  problems: Problem[] = [];
  organizations: OrganizationStatus[] = [organizationStatus("org-1")];
  flow: FlowView | null = null;
  begin: (signal: AbortSignal) => Promise<FlowView> = () =>
    Promise.resolve(browserFlow("http://localhost:8467/?key=of-the-flow"));
  poll: DashboardServices["poll"] = (orgId) => {
    this.polled.push(orgId);
    return { accepted: true, nextPossibleAt: "2026-01-01T00:00:01.000Z" };
  };
  listen: ListenOnLoopback = this.loopback.listen;
  removeFile: () => Promise<void> = () => Promise.resolve();
  readonly services: DashboardServices = {
    status: {
      events: this.statusEvents,
      current: () => this.status(),
    },
    authorization: {
      events: this.authorizationEvents,
      current: () => ({ authorizations: [], flow: this.flow }),
      begin: (_method, signal) => this.begin(signal),
    },
    presence: this.presence.directory,
    poll: (orgId) => this.poll(orgId),
  };
  readonly dashboard = new Dashboard({
    services: this.services,
    listen: (port, handler) => this.listen(port, handler),
    readAsset: (name) =>
      Promise.resolve(
        name.endsWith(".html")
          ? '<html>{{script}}<style nonce="{{nonce}}">{{style}}</style>{{content}}</html>' +
              '<template id="script"><script src="/dashboard.js"></script></template>' +
              '<template id="dashboard">the dashboard</template>' +
              '<template id="rejection">{{title}}: {{hint}}</template>'
          : `content of ${name}`,
      ),
    formatMetrics: (families, format) => {
      this.families = families;
      return Promise.resolve({ contentType: format, text: "metrics" });
    },
    readUsage: () => ({ residentBytes: 50_000_000, cpuSeconds: 1.5 }),
    file: {
      write: (text) => {
        if (this.canWrite) this.files.push(text);
        return Promise.resolve(this.canWrite);
      },
      remove: () => {
        this.files.push(null);
        return this.removeFile();
      },
    },
    pid: 4711,
    clock: this.clock,
    crypto: new SeededRandom(),
    logger: this.logger,
  });

  status(): WorkerStatus {
    return {
      phase: this.phase,
      enabled: true,
      since: "2026-01-01T00:00:05.000Z",
      version: "1.2.3",
      startedAt: "2026-01-01T00:00:00.000Z",
      pid: 4711,
      secretStore: "keychain",
      settings: {
        path: "/Presence.ini",
        loadedAt: null,
        values: { "WebexPresence.StaleAfterSeconds": 180 },
      },
      problems: this.problems,
      organizations: this.organizations,
    };
  }

  async open(port = DASHBOARD_PORT): Promise<void> {
    this.dashboard.apply({ dashboardPort: port, redirectPort: 8467 });
    await settle();
  }

  /** The address in the file. */
  get url(): string {
    const text = this.files.filter((each) => each !== null).at(-1) ?? "{}";
    return (JSON.parse(text) as { url: string }).url;
  }

  get key(): string {
    return new URL(this.url).searchParams.get("key") ?? "";
  }

  async cookie(): Promise<string> {
    const { headers } = await this.request(`/?key=${this.key}`, {}, null);
    return (headers["set-cookie"] ?? "").split(";")[0] ?? "";
  }

  /** Sends a request as the page does; `cookie`: null for none. */
  async request(
    target: string,
    { method = "GET", headers = {}, body = "" }: Partial<LoopbackRequest> = {},
    cookie?: string | null,
  ): Promise<LoopbackPage> {
    return this.loopback.request(DASHBOARD_PORT, {
      ...{ method, target, body },
      headers: await this.#headers(headers, cookie),
    });
  }

  /** The headers of any response, also of an event stream. */
  async headersOf(target: string, headers: Record<string, string> = {}): Promise<object> {
    return this.loopback.headersOf(DASHBOARD_PORT, target, await this.#headers(headers));
  }

  async stream(): Promise<FakeEventStream> {
    return this.loopback.open(DASHBOARD_PORT, "/events", await this.#headers({}));
  }

  async #headers(
    headers: Readonly<Record<string, string>>,
    cookie?: string | null,
  ): Promise<Record<string, string>> {
    const session = cookie === undefined ? await this.cookie() : cookie;
    return {
      host: `localhost:${DASHBOARD_PORT}`,
      ...(session !== null && { cookie: session }),
      ...headers,
    };
  }

  /** Webex reports these people, by name, with a status. */
  report(statuses: Readonly<Record<string, string>>): void {
    const persons = Object.entries(statuses).map(([name, status]) => person(name, status));
    sweep(this.presence.roster, persons);
  }
}

export function browserFlow(url: string): FlowView {
  return {
    ...{ method: "browser", url, redirectUri: null, verificationUri: null },
    ...{ verificationUriComplete: null, userCode: null, state: "waiting", message: null },
    expiresAt: "2026-01-01T00:10:00.000Z",
  };
}
