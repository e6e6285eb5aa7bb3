import { contradictionOf, isAdmission } from "../support/presence-states-fixture.js";
import type {
  ReceivedRecord,
  RecordBatch,
  RecordSource,
  SoakPerson,
  TruthChange,
} from "./messages.js";

/**
 * How long before `observedAt` Webex may have read the status: a page of 1,000 persons takes 2 s,
 * the rest is for a busy machine.
 */
const LONGEST_REQUEST_MS = 4_000;
const CLOCK_TOLERANCE_MS = 300;
/** A request on demand that was sent this long before a call serves it, too. */
const SHARED_REQUEST_MS = 100;
/** The worker lets a record become stale by a timer. */
const STALE_TOLERANCE_MS = 3_000;
/** What a pipe may hold back, or a process that does not run. */
const STALL_REACH_MS = 30_000;
/** An age counts from the sending of the request, which may take this long. */
const LONGEST_FLIGHT_MS = 30_000;
/** Longer than a record may be on its way or a light be true. */
const STALL_MEMORY_MS = 600_000;
const MAX_LISTED = 20;
/** Of each address, for the report of a falsehood. */
const REMEMBERED = 6;

export interface Falsehood {
  readonly kind: string;
  readonly at: number;
  readonly problem: string;
  readonly record: ReceivedRecord;
  readonly truth: readonly TruthChange[];
  /** What the host got for this address, latest last. */
  readonly received: readonly string[];
}

interface Interval {
  readonly from: number;
  readonly to: number;
}

interface Light {
  readonly record: ReceivedRecord;
  /** How often in a row a query said something else. */
  mismatches: number;
}

/** What the host shows of everybody, for the report. */
export interface LightSummary {
  readonly at: number;
  readonly known: number;
  readonly total: number;
  /** Of the records that say something, in milliseconds, ascending. */
  readonly ages: readonly number[];
}

/**
 * Compares what the host has with what was true. A record is true if Webex had this status when it
 * was asked, if it is not older than records may be, or if it says that it is not sure. A decision
 * must be true as of after the call. A light, which is the record of the last change, must have
 * been true within the time after which records are stale, and is what a query says.
 */
export class TruthJudge {
  readonly #people: readonly SoakPerson[];
  readonly #staleAfterMs: number;
  readonly #history: TruthChange[][];
  #stalls: Interval[] = [];
  readonly #allowed = new Map<string, { from: number; to: number }[]>();
  readonly #lights = new Map<string, Light>();
  readonly #received = new Map<string, string[]>();
  #waiting: (
    RecordBatch | { readonly type: "clear" | "unsubscribed"; uris?: readonly string[] }
  )[] = [];
  readonly counts: Record<RecordSource | "light", number> = {
    ...{ change: 0, subscribe: 0, query: 0, decision: 0, light: 0 },
  };
  readonly falseCounts: Record<string, number> = {};
  /** The first of each kind. */
  readonly falsehoods: Falsehood[] = [];
  onSummary: (summary: LightSummary) => void = () => undefined;

  constructor(people: readonly SoakPerson[], staleAfterMs: number) {
    this.#people = people;
    this.#staleAfterMs = staleAfterMs;
    this.#history = people.map(({ status }, person) => [{ person, at: 0, status }]);
  }

  /** Everything that became true before `upTo`; judges what was waiting for it. */
  learn(changes: readonly TruthChange[], upTo: number): void {
    for (const change of changes) this.#history[change.person]?.push(change);
    const waiting = this.#waiting;
    const later = waiting.findIndex((each) => each.type === "records" && each.receivedAt > upTo);
    this.#waiting = later === -1 ? [] : waiting.slice(later);
    for (const each of later === -1 ? waiting : waiting.slice(0, later)) {
      if (each.type === "records") this.#judge(each);
      else if (each.type === "clear") this.#lights.clear();
      else for (const uri of each.uris ?? []) this.#lights.delete(uri);
    }
  }

  /** A process that takes part did not run. */
  excuse(from: number, to: number): void {
    this.#stalls = this.#stalls.filter((stall) => stall.to > from - STALL_MEMORY_MS);
    this.#stalls.push({ from, to });
  }

  /** Records may have this reason from now on. */
  allow(reason: string, from: number): void {
    const intervals = this.#allowed.get(reason) ?? [];
    intervals.push({ from, to: Number.POSITIVE_INFINITY });
    this.#allowed.set(reason, intervals);
  }

  /** Records may no longer have this reason. */
  disallow(reason: string, at: number): void {
    const interval = this.#allowed.get(reason)?.at(-1);
    if (interval) interval.to = at;
  }

  receive(batch: RecordBatch): void {
    this.#waiting.push(batch);
  }

  /** The host forgets these lights. */
  unsubscribe(uris: readonly string[]): void {
    this.#waiting.push({ type: "unsubscribed", uris });
  }

  /** The worker ended, and with it what the host knew. */
  clear(): void {
    this.#waiting.push({ type: "clear" });
  }

  #judge(batch: RecordBatch): void {
    const { source, receivedAt, records } = batch;
    for (const record of records) {
      this.counts[source] += 1;
      this.#remember(source, receivedAt, record);
      const problem =
        this.#falsehoodOf(record, receivedAt) ??
        (source === "decision" && batch.isFresh ? this.#oldAnswer(record, batch) : null);
      if (problem !== null) this.#report(source, receivedAt, problem, record);
      if (source === "subscribe" || source === "change")
        this.#lights.set(record.uri, { record, mismatches: 0 });
      if (source === "query") this.#compareLight(record, receivedAt);
    }
    if (source === "query") this.#judgeLights(receivedAt, records);
  }

  #remember(source: RecordSource, at: number, record: ReceivedRecord): void {
    const received = this.#received.get(record.uri) ?? [];
    const { state, reason, webexStatus, observedAt } = record;
    const observed = observedAt === null ? "never" : timeOf(observedAt);
    received.push(
      `${timeOf(at)} ${source}: ${state} ${String(reason)} ${String(webexStatus)} of ${observed}`,
    );
    this.#received.set(record.uri, received.slice(-REMEMBERED));
  }

  #falsehoodOf(record: ReceivedRecord, at: number): string | null {
    const { personId, observedAt, person } = record;
    const identity = this.#people[person]?.id;
    if (personId !== null && personId !== identity) return "It is another person's.";
    const contradiction = contradictionOf(record);
    if (contradiction !== null) return contradiction;
    if (isAdmission(record)) return this.#falseAdmission(record, at);
    if (observedAt === null) return "It claims what Webex was never asked.";
    const stalledMs = this.#stalledMs(at - STALL_REACH_MS, at);
    if (at - observedAt > this.#staleAfterMs + STALE_TOLERANCE_MS + stalledMs)
      return `It is ${Math.round((at - observedAt) / 1000)} s old and passes for fresh.`;
    const from =
      observedAt - LONGEST_REQUEST_MS - this.#stalledMs(observedAt - STALL_REACH_MS, observedAt);
    return this.#wasTrue(record, from, observedAt + CLOCK_TOLERANCE_MS)
      ? null
      : "Webex did not say so then.";
  }

  /** Says why a record that does not know should. */
  #falseAdmission({ reason, observedAt }: ReceivedRecord, at: number): string | null {
    if (reason === "stale") {
      const ageMs = observedAt === null ? null : at - observedAt;
      const isOld = ageMs === null || ageMs > this.#staleAfterMs - LONGEST_FLIGHT_MS;
      return isOld ? null : `It is stale at an age of ${Math.round(ageMs / 1000)} s.`;
    }
    if (reason === "notReady") return null;
    const isAllowed = (this.#allowed.get(reason ?? "") ?? []).some(
      ({ from, to }) =>
        at >= from && at <= to + STALE_TOLERANCE_MS + this.#stalledMs(at - STALL_REACH_MS, at),
    );
    return isAllowed ? null : `It is ${String(reason)}, which is not so.`;
  }

  #oldAnswer(record: ReceivedRecord, { calledAt, receivedAt }: RecordBatch): string | null {
    const from = calledAt - SHARED_REQUEST_MS - CLOCK_TOLERANCE_MS;
    return this.#wasTrue(record, from, receivedAt)
      ? null
      : "It passes for fresh, but was true only before the call.";
  }

  #compareLight(record: ReceivedRecord, at: number): void {
    const light = this.#lights.get(record.uri);
    if (light === undefined) return;
    const shown = light.record;
    const isSame =
      shown.state === record.state &&
      shown.reason === record.reason &&
      shown.webexStatus === record.webexStatus;
    light.mismatches = isSame ? 0 : light.mismatches + 1;
    if (light.mismatches !== 2) return;
    const notified = `${shown.state} (${String(shown.reason)}, ${String(shown.webexStatus)})`;
    this.#report("light", at, `The last change said ${notified}: a change was lost.`, record);
  }

  #judgeLights(at: number, records: readonly ReceivedRecord[]): void {
    for (const { record } of this.#lights.values()) {
      this.counts.light += 1;
      if (isAdmission(record)) continue;
      const reachMs = this.#staleAfterMs + STALE_TOLERANCE_MS + LONGEST_REQUEST_MS;
      const from = at - reachMs - this.#stalledMs(at - reachMs, at);
      if (!this.#wasTrue(record, from, at))
        this.#report("light", at, "The light shows what has not been true for long.", record);
    }
    const ages = records
      .filter((record) => !isAdmission(record))
      .map(({ observedAt }) => at - (observedAt ?? 0))
      .toSorted((a, b) => a - b);
    this.onSummary({ at, known: ages.length, total: records.length, ages });
  }

  /** Whether the person had the record's status at some time in the interval. */
  #wasTrue({ person, webexStatus }: ReceivedRecord, from: number, to: number): boolean {
    const history = this.#history[person] ?? [];
    return history.some(({ at, status }, index) => {
      const until = history[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      return status === webexStatus && at <= to && until >= from;
    });
  }

  /** How long somebody did not run in the interval; not less than it was at a time. */
  #stalledMs(from: number, to: number): number {
    return this.#stalls
      .filter((stall) => stall.to >= from && stall.from <= to)
      .reduce((sum, stall) => sum + stall.to - stall.from, 0);
  }

  #report(kind: string, at: number, problem: string, record: ReceivedRecord): void {
    const count = (this.falseCounts[kind] ?? 0) + 1;
    this.falseCounts[kind] = count;
    if (count > MAX_LISTED) return;
    const truth = (this.#history[record.person] ?? []).slice(-6);
    const received = this.#received.get(record.uri) ?? [];
    this.falsehoods.push({ kind, at, problem, record, truth, received });
  }
}

/** The time of day, to the millisecond. */
export function timeOf(at: number): string {
  return at === 0 ? "at first" : new Date(at).toISOString().slice(11, 23);
}
