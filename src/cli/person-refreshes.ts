import type { RefreshedPresence } from "../client/client.js";
import { mapWebexStatus, type PresenceReason, type PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import { stateText } from "./terminal/presence-labels.js";
import { formatDuration, formatTime } from "./terminal/text.js";

export interface PersonRefreshOptions {
  /** Asks Webex, and waits at most `maxWaitMs` for its answer (`PresenceClient.refresh`). */
  readonly ask: (uri: string, maxWaitMs: number) => Promise<RefreshedPresence>;
  readonly status: () => Promise<WorkerStatus>;
  /** How messages name a person. */
  readonly nameOf: (record: PresenceRecord) => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** `refreshing`, or the message, is different from now on. */
  readonly onChange: () => void;
}

interface RefreshAnswer extends RefreshedPresence {
  readonly before: PresenceRecord;
  /** Milliseconds since 1970. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** The default of the protocol for requests with `maxAgeSeconds`. */
const MAX_WAIT_MS = 3_000;
/** An answer that took nearly as long as it may waited for Webex. */
const WAITED_MS = MAX_WAIT_MS * 0.9;
const MESSAGE_VISIBLE_MS = 15_000;
/** Reasons of the worker's own for `unknown`: what Webex last reported was something else. */
const WITHHELD: ReadonlySet<PresenceReason> = new Set(["disabled", "blocked", "notReady", "stale"]);

/** Asks for presence as Webex has it now, one person at a time, and says what came of it. */
export class PersonRefreshes {
  readonly #options: PersonRefreshOptions;
  readonly #refreshing = new Set<string>();
  #message = "";
  #messageUntil = 0;
  /** The refresh that the message calls unsuccessful: its answer may still arrive. */
  #awaited: RefreshAnswer | null = null;

  constructor(options: PersonRefreshOptions) {
    this.#options = options;
  }

  /** The addresses with a request under way. */
  get refreshing(): ReadonlySet<string> {
    return this.#refreshing;
  }

  /** What is under way, or came of the latest request; null after a while. */
  get message(): string | null {
    return this.#options.now() < this.#messageUntil ? this.#message : null;
  }

  clearMessage(): void {
    this.#messageUntil = 0;
    this.#awaited = null;
  }

  /**
   * Resolves with the record, or with null if a request for this person is under way or fails; the
   * message says so.
   */
  async refresh(before: PresenceRecord): Promise<PresenceRecord | null> {
    const { uri } = before;
    const name = this.#options.nameOf(before);
    if (this.#refreshing.has(uri)) return null;
    this.#refreshing.add(uri);
    this.#show(`Asking Webex for the presence of ${name} …`);
    try {
      const { ask, status, now } = this.#options;
      const askedAt = now();
      const refreshed = await ask(uri, MAX_WAIT_MS);
      const { record, tookMs } = refreshed;
      const answer = { before, ...refreshed, askedAt, answeredAt: now() };
      const isLate = !isAnswer(answer);
      const text = isLate
        ? staleText(name, answer, await status())
        : `Refreshed in ${(tookMs / 1000).toFixed(1)} s: ${name} ${changeOf(before, record)}`;
      this.#refreshing.delete(uri);
      this.#show(text, isLate ? answer : null);
      return record;
    } catch (error) {
      this.#refreshing.delete(uri);
      const reason = error instanceof Error ? error.message : String(error);
      this.#show(`${name} was not refreshed: ${reason}`);
      return null;
    }
  }

  /**
   * Takes a record that arrived by itself. If Webex has now answered what the message calls
   * unanswered, the message says so.
   */
  handleRecord(record: PresenceRecord): void {
    if (this.#awaited === null || this.message === null) return;
    const { before, record: known, askedAt } = this.#awaited;
    if (record.uri !== before.uri) return;
    const isLateAnswer =
      record.reason === "notFound"
        ? known.reason !== "notFound"
        : record.observedAt !== null && Date.parse(record.observedAt) >= askedAt;
    if (!isLateAnswer) return;
    const answeredAt = this.#options.now();
    const change = `${this.#options.nameOf(record)} ${changeOf(before, record)}`;
    this.#show(`Webex answered after ${formatDuration(answeredAt - askedAt)}: ${change}`);
  }

  #show(message: string, awaited: RefreshAnswer | null = null): void {
    this.#awaited = awaited;
    this.#message = message;
    this.#messageUntil = this.#options.now() + MESSAGE_VISIBLE_MS;
    this.#options.onChange();
  }
}

/** Nobody can confirm presence of a person who does not exist. */
function isAnswer({ record, isFresh, tookMs }: RefreshAnswer): boolean {
  return isFresh || (record.reason === "notFound" && tookMs < WAITED_MS);
}

function changeOf(before: PresenceRecord, record: PresenceRecord): string {
  const [from, to] = [stateText(before), stateText(record)];
  return from === to ? `still ${to}` : `${from} → ${to}`;
}

function staleText(name: string, answer: RefreshAnswer, status: WorkerStatus): string {
  return `${name} was not refreshed: ${causeText(answer, status)}. ${knownText(answer)}`;
}

/** What Webex reported before, and when. */
function knownText({ record, answeredAt }: RefreshAnswer): string {
  const { observedAt, reason, webexStatus } = record;
  if (observedAt === null) return `${stateText(record)}, never confirmed by Webex.`;
  const age = `${formatDuration(answeredAt - Date.parse(observedAt))} ago`;
  // Webex has confirmed something else than the state, which the worker withholds.
  return reason !== null && WITHHELD.has(reason)
    ? `Webex last reported ${stateText(mapWebexStatus(webexStatus))}, ${age}.`
    : `${stateText(record)}, confirmed ${age}.`;
}

/** Why Webex was not asked, or did not answer, in the order of what an administrator can change. */
function causeText({ record, tookMs, answeredAt }: RefreshAnswer, status: WorkerStatus): string {
  if (record.reason === "invalidUri") return "this is not an address";
  if (status.phase !== "polling") return `the worker is ${status.phase}`;
  const concernsPerson = (orgId: string | null): boolean =>
    orgId === null || record.orgId === null || orgId === record.orgId;
  const pauses = status.organizations
    .filter(({ orgId }) => concernsPerson(orgId))
    .map(({ rateLimitedUntil }) => Date.parse(rateLimitedUntil ?? ""))
    .filter((until) => until > answeredAt);
  if (pauses.length > 0) return `Webex asked for a pause until ${formatTime(Math.max(...pauses))}`;
  const codes = new Set(
    status.problems.filter(({ orgId }) => concernsPerson(orgId)).map(({ code }) => code),
  );
  if (codes.has("webexUnreachable")) return "Webex cannot be reached";
  if (codes.has("webexError")) return "Webex answers with an error";
  const hasError = status.problems.some(
    ({ severity, orgId }) => severity === "error" && concernsPerson(orgId),
  );
  if (hasError) return "an administrator must act first";
  if (tookMs >= WAITED_MS) {
    return `Webex did not answer within ${MAX_WAIT_MS / 1000} s`;
  }
  return "the request limit leaves no request for it now";
}
