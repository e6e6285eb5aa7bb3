import { Fault } from "../../src/faults/fault.js";
import { Emitter } from "../../src/faults/emitter.js";
import type { AuthorizationEvents, FlowMethod, FlowView } from "../../src/authorization/flow.js";
import type { AuthorizationService } from "../../src/authorization/authorizations.js";
import type { ImportedGrant } from "../../src/authorization/grant-import.js";
import type { Authorization } from "../../src/authorization/grant.js";
import type {
  ChangeBatch,
  PresenceListPage,
  PresenceListQuery,
  PresenceEvents,
  PresenceService,
  SubscriptionTarget,
} from "../../src/presence/presence-service.js";
import type { PresenceRecord } from "../../src/presence/record.js";
import type { StatusEvents, Problem, WorkerStatus } from "../../src/supervisor/status.js";

export function presenceRecord(uri: string, webexStatus = "active"): PresenceRecord {
  return {
    uri,
    state: webexStatus === "active" ? "available" : "away",
    basic: "open",
    activities: [],
    reason: null,
    webexStatus,
    displayName: "A Person",
    personId: `person-of-${uri}`,
    orgId: "org-1",
    lastActivity: null,
    since: "2026-01-01T00:00:00.000Z",
    observedAt: "2026-01-01T00:00:00.000Z",
  };
}

/** Invents a record for every address and keeps one pending change per address. */
export class FakePresence implements PresenceService {
  calls: unknown[] = [];
  failure: unknown = null;
  /** With `maxWaitMs`, `get` waits for `release()` or the abort signal. */
  #release: (() => void) | null = null;
  #pending = new Map<string, PresenceRecord>();
  readonly #subscriptions = new Set<string>();
  #next = 0;
  readonly events = new Emitter<PresenceEvents>();

  get(
    uris: readonly string[],
    maxWaitMs: number,
    signal: AbortSignal,
    maxAgeSeconds?: number,
  ): PresenceRecord[] | Promise<PresenceRecord[]> {
    this.calls.push({
      get: uris,
      maxWaitMs,
      ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    });
    if (this.failure !== null) throw this.failure as Error;
    const records = uris.map((uri) => presenceRecord(uri));
    if (maxWaitMs === 0) return records;
    return new Promise((resolve, reject) => {
      this.#release = () => resolve(records);
      signal.addEventListener(
        "abort",
        () => reject(new Fault("cancelled", "The query was cancelled.")),
        { once: true },
      );
    });
  }

  release(): void {
    this.#release?.();
  }

  list(query: PresenceListQuery): PresenceListPage {
    this.calls.push({ list: query });
    if (query.cursor === "bad")
      throw new Fault("invalidParams", "No such cursor.", {
        data: { issues: [{ path: "cursor", message: "No such cursor." }] },
      });
    if (query.orgId === "nobody")
      throw new Fault("unknownOrganization", "No authorization names this organization.");
    return { records: [presenceRecord("a@x.example")], nextCursor: null, total: 1 };
  }

  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] } {
    this.calls.push({ subscribe: target });
    this.#next += 1;
    const subscriptionId = `s${this.#next}`;
    this.#subscriptions.add(subscriptionId);
    return {
      subscriptionId,
      records: "uris" in target ? target.uris.map((uri) => presenceRecord(uri)) : [],
    };
  }

  unsubscribe(subscriptionId: string): void {
    if (!this.#subscriptions.delete(subscriptionId))
      throw new Fault("unknownSubscription", "There is no such subscription.");
  }

  drainChanges(max: number): ChangeBatch | null {
    if (this.#pending.size === 0) return null;
    const changes = [...this.#pending.values()].slice(0, max);
    for (const record of changes) this.#pending.delete(record.uri);
    return { subscriptionIds: [...this.#subscriptions], changes };
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  change(...records: PresenceRecord[]): void {
    const none = this.#pending.size === 0;
    for (const record of records) this.#pending.set(record.uri, record);
    if (none && records.length > 0) this.events.emit("changesPending");
  }
}

export const AUTHORIZATION: Authorization = {
  orgId: "org-1",
  orgName: "An Organization",
  authorizedBy: "admin@x.example",
  scopes: ["spark-admin:people_read"],
  grantedAt: "2026-01-01T00:00:00.000Z",
  accessTokenExpiresAt: null,
  refreshTokenExpiresAt: null,
  state: "valid",
};

export function flowView(method: FlowMethod, state: FlowView["state"] = "waiting"): FlowView {
  const browser = method === "browser";
  return {
    method,
    url: browser ? "http://localhost:8467/?key=k" : null,
    redirectUri: browser ? "http://localhost:8467/oauth/callback" : null,
    verificationUri: browser ? null : "https://x.example/device",
    verificationUriComplete: browser ? null : "https://x.example/device?code=c",
    userCode: browser ? null : "ABC-DEF",
    expiresAt: "2026-01-01T00:10:00.000Z",
    state,
    message: null,
  };
}

/**
 * Every call throws `failure` if that is set. Results have an undocumented member "leak", which
 * must not reach the host. As in the real service, `begin` emits its event before it resolves.
 */
export class FakeAuthorization implements AuthorizationService {
  failure: unknown = null;
  calls: unknown[] = [];
  readonly events = new Emitter<AuthorizationEvents>();

  async setClient(clientId: string, clientSecret: { reveal(): string }): Promise<void> {
    this.#record({ setClient: clientId, secret: clientSecret.reveal() });
  }

  async setProxyPassword(password: { reveal(): string } | null): Promise<void> {
    this.#record({ setProxyPassword: password?.reveal() ?? null });
  }

  async import(grant: ImportedGrant): Promise<Authorization> {
    this.#record({
      import: {
        ...grant,
        refreshToken: grant.refreshToken.reveal(),
        accessToken: grant.accessToken?.reveal() ?? null,
      },
    });
    return { ...AUTHORIZATION, accessToken: "leak" } as Authorization;
  }

  async list(): Promise<readonly Authorization[]> {
    this.#record("list");
    return [{ ...AUTHORIZATION, accessToken: "leak" } as Authorization];
  }

  async revoke(orgId: string): Promise<{ revokedAtWebex: boolean }> {
    this.#record({ revoke: orgId });
    return { revokedAtWebex: true };
  }

  async begin(method: FlowMethod): Promise<FlowView> {
    this.#record({ begin: method });
    const flow = { ...flowView(method), deviceCode: "leak" } as FlowView;
    this.change(flow);
    return flow;
  }

  async cancel(): Promise<void> {
    this.#record("cancel");
  }

  change(flow: FlowView | null): void {
    this.events.emit("authorizationsChanged", {
      authorizations: [{ ...AUTHORIZATION, accessToken: "leak" } as Authorization],
      flow,
    });
  }

  #record(call: unknown): void {
    this.calls.push(call);
    if (this.failure !== null) throw this.failure as Error;
  }
}

export function problem(code: Problem["code"]): Problem {
  return {
    code,
    severity: "error",
    message: "What happened.",
    hint: "What to do.",
    since: "2026-01-01T00:00:00.000Z",
    orgId: null,
  };
}

export class FakeStatus {
  readonly events = new Emitter<StatusEvents>();
  #status: WorkerStatus = {
    phase: "starting",
    enabled: false,
    since: "2026-01-01T00:00:00.000Z",
    version: "1.0.0",
    startedAt: "2026-01-01T00:00:00.000Z",
    pid: 1,
    secretStore: "memory",
    settings: { path: "Presence.ini", loadedAt: null, values: { "WebexPresence.Enable": false } },
    problems: [],
    organizations: [],
  };

  current(): WorkerStatus {
    return this.#status;
  }

  set(change: Partial<WorkerStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.events.emit("statusChanged");
  }
}
