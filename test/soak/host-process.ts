// The host of a soak: launches and restarts the worker, keeps subscriptions, asks, and tells its
// parent everything that the worker says.
import { setTimeout as delay } from "node:timers/promises";

import { mixSeeds, pick, seededRandom, type RandomFunction } from "../../simulator/random.js";
import { ReferenceHost } from "../../simulator/reference-host.js";
import type {
  HostOptions,
  ReceivedRecord,
  RecordSource,
  SoakPerson,
  SoakStatus,
} from "./messages.js";
import { emitEvent, reportStalls, serveCalls } from "./process-peer.js";

const MANIFEST = "plugin.manifest.json";
const STATUS_POLL_MS = 500;
const QUERY_POLL_MS = 5_000;
const MEAN_DECISION_MS = 3_000;
const MEAN_CHURN_MS = 8_000;
const MAX_UNSUBSCRIBED_MS = 2_000;
const SUBSCRIPTIONS = 8;
/** Half of the decisions are about persons whom nobody watches. */
const UNWATCHED_DECISIONS = 500;
const SHUTDOWN_MS = 5_000;

const SPELLINGS: readonly ((address: string) => string)[] = [
  (address) => address,
  (address) => `sip:${address}`,
  (address) => `SIP:${address.toUpperCase()};transport=tls`,
  (address) => `mailto:${address}`,
  (address) => `"Somebody" <sip:${address}>`,
  (address) => `sips:${address.replace("@", "%40")}?subject=call`,
];

interface WireRecord {
  readonly uri: string;
  readonly state: string;
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly reason: string | null;
  readonly webexStatus: string | null;
  readonly displayName: string | null;
  readonly personId: string | null;
  readonly observedAt: string | null;
}

interface Subscription {
  id: string | null;
  uris: readonly string[];
  readonly persons: readonly number[];
}

class SoakHost {
  readonly #host: ReferenceHost;
  readonly #people: readonly SoakPerson[];
  readonly #watched: number;
  readonly #subscriptions: Subscription[];
  /** By the address as it was written. */
  readonly #persons = new Map<string, number>();
  readonly #random: Readonly<Record<"spelling" | "decision" | "churn", RandomFunction>>;
  #isStopping = false;

  constructor(options: HostOptions) {
    const { settingsPath, logDirectory, secretStore, env, people, watched, seed } = options;
    this.#people = people;
    this.#watched = watched;
    this.#random = {
      spelling: seededRandom(mixSeeds(seed, 2)),
      decision: seededRandom(mixSeeds(seed, 3)),
      churn: seededRandom(mixSeeds(seed, 4)),
    };
    this.#subscriptions = Array.from({ length: SUBSCRIPTIONS }, (_, index) => ({
      id: null,
      uris: [],
      persons: Array.from({ length: watched }, (_each, person) => person).filter(
        (person) => person % SUBSCRIPTIONS === index,
      ),
    }));
    const extraArgs = ["--log-dir", logDirectory, "--secret-store", secretStore];
    this.#host = new ReferenceHost({ manifestPath: MANIFEST, settingsPath, extraArgs, env });
    this.#listen();
  }

  #listen(): void {
    this.#host.on("notification", (method, params) => {
      if (method !== "presence/changed") return;
      // The client calls back at once, but a promise of a response before it settles only later.
      setImmediate(() => this.#tell("change", (params as { changes: WireRecord[] }).changes));
    });
    this.#host.on("stderrLine", (line) => emitEvent({ type: "log", at: Date.now(), line }));
    this.#host.on("protocolError", ({ message }) => emitEvent({ type: "protocolError", message }));
    this.#host.on("exit", ({ code, signal }) => {
      emitEvent({ type: "workerExited", at: Date.now(), exit: signal ?? String(code) });
    });
    this.#host.on("restart", () => void this.#begin().catch(() => undefined));
  }

  async start(): Promise<void> {
    await this.#host.start();
    await this.#begin();
  }

  async #begin(): Promise<void> {
    emitEvent({ type: "workerStarted", at: Date.now(), pid: this.#host.pid ?? 0 });
    await this.#host.initialize({ host: { name: "soak", version: "2024.Winter.1" } });
    for (const subscription of this.#subscriptions) await this.#subscribe(subscription);
  }

  async authorize(client: object, grant: object): Promise<void> {
    await this.#host.request("authorization/setClient", client);
    await this.#host.request("authorization/import", grant);
  }

  /** Runs until `stop`. */
  run(): void {
    void this.#repeat(STATUS_POLL_MS, async () => {
      const status = (await this.#host.request("worker/status")) as SoakStatus;
      emitEvent({ type: "status", at: Date.now(), status });
    });
    void this.#repeat(QUERY_POLL_MS, () => this.query());
    void this.#repeat(
      () => randomDelay(MEAN_DECISION_MS, this.#random.decision),
      () => this.#decide(),
    );
    void this.#repeat(
      () => randomDelay(MEAN_CHURN_MS, this.#random.churn),
      () => this.#resubscribe(),
    );
  }

  /** The worker may have exited: its exit is told elsewhere, and the next try follows. */
  async #repeat(ms: number | (() => number), act: () => Promise<void>): Promise<void> {
    while (!this.#isStopping) {
      await delay(typeof ms === "number" ? ms : ms());
      await act().catch(() => undefined);
    }
  }

  async #subscribe(subscription: Subscription): Promise<void> {
    subscription.uris = subscription.persons.map((person) => {
      const uri = pick(SPELLINGS, this.#random.spelling)(this.#people[person]?.email ?? "");
      this.#persons.set(uri, person);
      return uri;
    });
    const calledAt = Date.now();
    const { uris } = subscription;
    const answer = await this.#host.request("presence/subscribe", { uris });
    const { subscriptionId, records } = answer as { subscriptionId: string; records: WireRecord[] };
    subscription.id = subscriptionId;
    this.#tell("subscribe", records, calledAt);
  }

  async #resubscribe(): Promise<void> {
    const subscription = pick(this.#subscriptions, this.#random.churn);
    const pauseMs = this.#random.churn() * MAX_UNSUBSCRIBED_MS;
    const { id: subscriptionId, uris } = subscription;
    if (subscriptionId === null) return;
    await this.#host.request("presence/unsubscribe", { subscriptionId });
    subscription.id = null;
    emitEvent({ type: "unsubscribed", uris });
    await delay(pauseMs);
    await this.#subscribe(subscription);
  }

  /** Asks for everybody who is watched, by the addresses of the subscriptions. */
  async query(): Promise<void> {
    const uris = this.#subscriptions.flatMap((each) => each.uris);
    const calledAt = Date.now();
    const answer = await this.#host.request("presence/getMany", { uris });
    this.#tell("query", (answer as { records: WireRecord[] }).records, calledAt);
  }

  async #decide(): Promise<void> {
    const { decision: random } = this.#random;
    const unwatched = this.#watched + Math.floor(random() * UNWATCHED_DECISIONS);
    const watched = Math.floor(random() * this.#watched);
    const person = random() < 0.5 ? watched : unwatched;
    const uri = pick(SPELLINGS, random)(this.#people[person]?.email ?? "");
    this.#persons.set(uri, person);
    const calledAt = Date.now();
    const { record, isFresh, tookMs } = await this.#host.refresh(uri);
    this.#tell("decision", [record], calledAt, isFresh);
    emitEvent({ type: "decision", calledAt, isFresh, tookMs });
  }

  #tell(
    source: RecordSource,
    records: readonly WireRecord[],
    calledAt = Date.now(),
    isFresh = false,
  ): void {
    emitEvent({
      ...{ type: "records", source, calledAt, receivedAt: Date.now(), isFresh },
      records: records.map((record) => this.#received(record)),
    });
  }

  #received(record: WireRecord): ReceivedRecord {
    const { uri, state, basic, activities, reason, webexStatus, personId, observedAt } = record;
    const person = this.#persons.get(uri) ?? -1;
    const observed = observedAt === null ? null : Date.parse(observedAt);
    return {
      ...{ uri, person, state, basic, activities, reason, webexStatus, personId },
      observedAt: observed,
    };
  }

  request(method: string, params?: object): Promise<unknown> {
    return this.#host.request(method, params);
  }

  kill(): void {
    this.#host.kill("SIGKILL");
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#host.shutdown(SHUTDOWN_MS);
  }

  /** Launches the worker anew, without subscriptions and questions. */
  async relaunch(): Promise<void> {
    await this.#host.start();
    emitEvent({ type: "workerStarted", at: Date.now(), pid: this.#host.pid ?? 0 });
  }
}

function randomDelay(meanMs: number, random: RandomFunction): number {
  return Math.min(4 * meanMs, -Math.log(1 - random()) * meanMs);
}

let host: SoakHost | null = null;

serveCalls(
  {
    start: async (options: HostOptions) => {
      host = new SoakHost(options);
      reportStalls();
      await host.start();
    },
    authorize: ({ client, grant }: { client: object; grant: object }) =>
      host?.authorize(client, grant),
    run: () => host?.run(),
    query: () => host?.query(),
    kill: () => host?.kill(),
    request: ({ method, params }: { method: string; params?: object }) =>
      host?.request(method, params),
    relaunch: () => host?.relaunch(),
    stop: () => host?.stop(),
  },
  () => host?.stop(),
);
