// What the scripted worker has in place of presence, authorizations and a status of its own.
import type { AuthorizationEvents } from "../../authorization/flow.js";
import type { AuthorizationService } from "../../authorization/authorizations.js";
import { Emitter } from "../../faults/emitter.js";
import { Fault } from "../../faults/fault.js";
import type {
  ChangeBatch,
  PresenceEvents,
  PresenceListPage,
  PresenceService,
  SubscriptionTarget,
} from "../../presence/presence-service.js";
import type { PresenceRecord } from "../../presence/record.js";
import type { StatusEvents, WorkerStatus } from "../../supervisor/status.js";
import { EVERYONE, FIRST_STATE, presenceRecord } from "./presence-steps.js";

/** Knows everybody. It sends changes as the script says, each of them, and in that order. */
export class ScriptedPresence implements PresenceService {
  readonly events = new Emitter<PresenceEvents>();
  /** The addresses of each subscription, as the host wrote them. */
  readonly subscriptions = new Map<string, readonly string[]>();
  readonly #records = new Map<string, PresenceRecord>();
  readonly #batches: Iterator<ChangeBatch>[] = [];

  get(uris: readonly string[]): PresenceRecord[] {
    return uris.map((uri) => this.#record(uri));
  }

  list(): PresenceListPage {
    const records = this.get(EVERYONE);
    return { records, nextCursor: null, total: records.length };
  }

  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] } {
    const uris = "uris" in target ? target.uris : EVERYONE;
    const subscriptionId = `subscription-${this.subscriptions.size + 1}`;
    this.subscriptions.set(subscriptionId, uris);
    return { subscriptionId, records: this.get(uris) };
  }

  unsubscribe(subscriptionId: string): void {
    if (!this.subscriptions.delete(subscriptionId))
      throw new Fault("unknownSubscription", "There is no such subscription.");
  }

  drainChanges(): ChangeBatch | null {
    for (;;) {
      const [batches] = this.#batches;
      if (batches === undefined) return null;
      const next = batches.next();
      if (next.done !== true) return next.value;
      this.#batches.shift();
    }
  }

  /** The next answers name this record. */
  keep(record: PresenceRecord): void {
    this.#records.set(record.uri, record);
  }

  /** Sends one change to each subscription that has the address, or to `subscriptionIds`. */
  change(record: PresenceRecord, subscriptionIds = this.#subscriptionsOf(record.uri)): void {
    this.send([{ subscriptionIds, changes: [record] }].values());
  }

  /** Sends batches as fast as the host reads them. */
  send(batches: Iterator<ChangeBatch>): void {
    this.#batches.push(batches);
    if (this.#batches.length === 1) this.events.emit("changesPending");
  }

  #record(uri: string): PresenceRecord {
    return this.#records.get(uri) ?? presenceRecord(uri, FIRST_STATE, null, Date.now());
  }

  #subscriptionsOf(uri: string): string[] {
    return [...this.subscriptions].filter(([, uris]) => uris.includes(uri)).map(([id]) => id);
  }
}

function refuse(): Promise<never> {
  return Promise.reject(
    new Fault("clientNotConfigured", "This worker checks a host and authorizes nothing."),
  );
}

export const scriptedAuthorization: AuthorizationService = {
  events: new Emitter<AuthorizationEvents>(),
  setClient: () => Promise.resolve(),
  setProxyPassword: () => Promise.resolve(),
  import: refuse,
  list: () => Promise.resolve([]),
  revoke: refuse,
  begin: refuse,
  cancel: () => Promise.resolve(),
};

/** The status of a worker that polls, as `worker/status` returns it. */
export function scriptedStatus(settingsPath: string): {
  readonly events: Emitter<StatusEvents>;
  current(): WorkerStatus;
} {
  const startedAt = new Date().toISOString();
  const status: WorkerStatus = {
    phase: "polling",
    enabled: true,
    since: startedAt,
    version: "0.0.0",
    startedAt,
    pid: process.pid,
    secretStore: "memory",
    settings: {
      path: settingsPath,
      loadedAt: startedAt,
      values: { "WebexPresence.Enable": true },
    },
    problems: [],
    organizations: [],
  };
  return { events: new Emitter<StatusEvents>(), current: () => status };
}
