import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import { displayNameOf, formatTime, stateText } from "./terminal/presence-labels.js";
import { formatDuration } from "./terminal/text.js";

export interface PersonRefreshOptions {
  /** `presence/get`, whose answer waits for Webex. */
  readonly get: (params: {
    readonly uri: string;
    readonly maxAgeSeconds: number;
    readonly maxWaitMs: number;
  }) => Promise<PresenceRecord>;
  readonly status: () => Promise<WorkerStatus>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** `refreshing`, or the message, is different from now on. */
  readonly onChange: () => void;
}

interface RefreshAnswer {
  readonly before: PresenceRecord;
  readonly record: PresenceRecord;
  /** Milliseconds since 1970. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** The default of the protocol for requests with `maxAgeSeconds`. */
const MAX_WAIT_MS = 3_000;
/** The worker counts what it sent to Webex at most this long before a request as its answer. */
const SIMULTANEOUS_MS = 100;
/** How much before its end the worker's wait may seem to end by this process's clock. */
const TIMER_TOLERANCE_MS = 10;
/** An answer that took nearly as long as it may waited for Webex. */
const WAITED_MS = MAX_WAIT_MS * 0.9;
const MESSAGE_VISIBLE_MS = 15_000;

/** Asks for presence as Webex has it now, one person at a time, and says what came of it. */
export class PersonRefreshes {
  readonly #options: PersonRefreshOptions;
  readonly #refreshing = new Set<string>();
  #message = "";
  #messageUntil = 0;

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
  }

  /**
   * Resolves with the record, or with null if a request for this person is under way or fails; the
   * message says so.
   */
  async refresh(before: PresenceRecord): Promise<PresenceRecord | null> {
    const { uri } = before;
    if (this.#refreshing.has(uri)) return null;
    this.#refreshing.add(uri);
    this.#show(`Asking Webex for the presence of ${displayNameOf(before)} …`);
    try {
      const { get, status, now } = this.#options;
      const askedAt = now();
      const record = await get({ uri, maxAgeSeconds: 0, maxWaitMs: MAX_WAIT_MS });
      const answer = { before, record, askedAt, answeredAt: now() };
      const text = isFresh(answer) ? refreshedText(answer) : staleText(answer, await status());
      this.#refreshing.delete(uri);
      this.#show(text);
      return record;
    } catch (error) {
      this.#refreshing.delete(uri);
      const reason = error instanceof Error ? error.message : String(error);
      this.#show(`${displayNameOf(before)} was not refreshed: ${reason}`);
      return null;
    }
  }

  #show(message: string): void {
    this.#message = message;
    this.#messageUntil = this.#options.now() + MESSAGE_VISIBLE_MS;
    this.#options.onChange();
  }
}

/** Whether Webex was asked for the record, not before the request. */
function isFresh({ record, askedAt, answeredAt }: RefreshAnswer): boolean {
  const { observedAt, reason } = record;
  // What came while the worker waited in vain may have been requested long before.
  if (answeredAt - askedAt >= MAX_WAIT_MS - TIMER_TOLERANCE_MS) return false;
  // Nobody can have confirmed presence of a person who does not exist.
  if (reason === "notFound") return true;
  return observedAt !== null && Date.parse(observedAt) >= askedAt - SIMULTANEOUS_MS;
}

function refreshedText({ before, record, askedAt, answeredAt }: RefreshAnswer): string {
  const [from, to] = [stateText(before), stateText(record)];
  const seconds = ((answeredAt - askedAt) / 1000).toFixed(1);
  const change = from === to ? `still ${to}` : `${from} → ${to}`;
  return `Refreshed in ${seconds} s: ${displayNameOf(record)} ${change}`;
}

function staleText(answer: RefreshAnswer, status: WorkerStatus): string {
  const { record, answeredAt } = answer;
  const age =
    record.observedAt === null
      ? "never confirmed by Webex"
      : `confirmed ${formatDuration(answeredAt - Date.parse(record.observedAt))} ago`;
  const cause = causeText(answer, status);
  return `${displayNameOf(record)} was not refreshed: ${cause}. ${stateText(record)}, ${age}.`;
}

/** Why Webex was not asked, or did not answer, in the order of what an administrator can change. */
function causeText({ record, askedAt, answeredAt }: RefreshAnswer, status: WorkerStatus): string {
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
  if (answeredAt - askedAt >= WAITED_MS) {
    return `Webex did not answer within ${MAX_WAIT_MS / 1000} s`;
  }
  return "the request limit leaves no request for it now";
}
