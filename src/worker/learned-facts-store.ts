import type { Disposer } from "../faults/emitter.js";
import {
  areEqual,
  decodeLearned,
  differNotably,
  encodeLearned,
  hasOtherPause,
  isMinuteFree,
  isRecent,
  type LearnedContent,
  type LearnedFacts,
  type LearnedOrganization,
} from "../polling/learned-facts.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { LearnedFile } from "../ports/process.js";
import { learnedText, ObservedLimitLog } from "./observed-limit-log.js";

const CHECK_INTERVAL_MS = 60_000;
/** Facts that have not changed are written again after this time, so that they do not expire. */
const MAX_CONFIRMATION_AGE_MS = 86_400_000;
/** The worker's exit does not wait longer for a program that holds the file. */
const LAST_WRITE_MS = 250;

const NOTHING: LearnedContent = { organizations: [], endedAt: null };

export interface LearnedFactsStoreOptions {
  readonly file: LearnedFile;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The organizations that have a grant, whichever it is; null while that is unknown. */
  readonly grantedOrgIds: () => ReadonlySet<string> | null;
  /** Whether an organization that never had a grant in this process has none at all. */
  readonly areGrantsKept: boolean;
  /** The configured limit. */
  readonly requestsPerMinute: () => number;
}

interface Source {
  readonly key: string;
  readonly orgId: string;
  readonly apiOrigin: string;
  readonly learned: () => LearnedFacts;
  /** Equal to what `learned` returns until something is learned, even if only confirmed. */
  latest: LearnedFacts;
}

/**
 * Keeps what polling learns of each organization for the next process, in a file without persons.
 * Losing the file costs no more than the learning.
 */
export class LearnedFactsStore {
  readonly #options: LearnedFactsStoreOptions;
  readonly #limitLog: ObservedLimitLog;
  /** By organization and origin. */
  readonly #known = new Map<string, LearnedOrganization>();
  /** What the file contains. */
  #written: ReadonlyMap<string, LearnedOrganization> = new Map();
  /** When the worker that wrote the file ended; null if that is unknown. */
  #writtenEndedAt: number | null = null;
  #predecessorEndedAt: number | null = null;
  /** By organization. */
  readonly #sources = new Map<string, Source>();
  readonly #everFollowed = new Set<string>();
  #cancelCheck: Disposer | null = null;
  #cancelWrite: Disposer | null = null;

  constructor(options: LearnedFactsStoreOptions) {
    this.#options = options;
    this.#limitLog = new ObservedLimitLog(options.clock, options.logger);
  }

  /** Reads the file. Never rejects; a disk that does not respond can take forever. */
  async load(): Promise<void> {
    const { clock, file, logger } = this.#options;
    const result = await file.read().then(
      (text) => (text === null ? NOTHING : decodeLearned(text)),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    );
    if ("error" in result) {
      logger.info(
        "What an earlier worker has learned of Webex's limits cannot be used. Presence is not affected; the worker learns them anew.",
        { reason: `The file ${result.error}.` },
      );
      return;
    }
    const recent = result.organizations.filter(({ learnedAt }) => isRecent(learnedAt, clock.now()));
    this.#written = new Map(recent.map((each) => [keyOf(each), each]));
    this.#writtenEndedAt = result.endedAt;
    this.#predecessorEndedAt = result.endedAt;
    // A disk may respond late: what this process has learned by then is newer.
    for (const [key, each] of this.#written) {
      const known = this.#known.get(key);
      const joined = known && { ...known, facts: join(known.facts, each.facts) };
      this.#known.set(key, joined ?? each);
    }
  }

  /** Whether the worker before this one had ended for a minute when this one began to poll. */
  isMinuteFree(): boolean {
    return isMinuteFree(this.#predecessorEndedAt, this.#options.clock.now());
  }

  /** Returns what is known of an organization, or null. */
  recall(orgId: string, apiOrigin: string): LearnedFacts | null {
    return this.#known.get(keyOf({ orgId, apiOrigin }))?.facts ?? null;
  }

  /** Keeps what is learned of an organization from now on. */
  follow(orgId: string, apiOrigin: string, learned: () => LearnedFacts): void {
    const key = keyOf({ orgId, apiOrigin });
    const latest = learned();
    this.#sources.set(orgId, { key, orgId, apiOrigin, learned, latest });
    this.#limitLog.start(orgId, latest.requestsPerMinute);
    // After a crash, nobody knows when this process ended.
    if (this.#everFollowed.size === 0 && this.#writtenEndedAt !== null) void this.#write();
    this.#everFollowed.add(orgId);
    const known = this.#known.get(key);
    if (known === undefined) {
      // A successor has to know that somebody polled the organization, even after a crash.
      const learnedAt = this.#options.clock.now();
      this.#known.set(key, { orgId, apiOrigin, learnedAt, facts: latest });
      this.#writeSoon();
      return;
    }
    const learnedAt = new Date(known.learnedAt).toISOString();
    this.#options.logger.info(
      `Starts with what was learned of the organization at ${learnedAt}: ${learnedText(known.facts)}.`,
      { orgId, learnedAt, ...known.facts },
    );
  }

  /** A pause of an organization is written at once: it may be over before the next check. */
  review(orgId: string): void {
    const source = this.#sources.get(orgId);
    if (source === undefined) return;
    this.#collect(source);
    const known = this.#known.get(source.key);
    const written = this.#written.get(source.key);
    const facts = written?.facts ?? { ...source.latest, rateLimitPause: null };
    if (known !== undefined && hasOtherPause(known.facts, facts)) this.#writeSoon();
  }

  /** The organization is not polled any more; what was learned is kept while it has a grant. */
  unfollow(orgId: string): void {
    const source = this.#sources.get(orgId);
    if (source !== undefined) this.#collect(source);
    this.#sources.delete(orgId);
  }

  /** Writes the file once a minute, if something has changed notably. */
  start(): void {
    this.#cancelCheck = this.#options.clock.schedule(CHECK_INTERVAL_MS, () => {
      this.start();
      this.#update();
      const isEndOutdated = this.#everFollowed.size > 0 && this.#writtenEndedAt !== null;
      if (isEndOutdated || this.#hasChangedNotably()) void this.#write();
    });
  }

  /** Writes the file a last time, unless there was nothing to learn. */
  async stop(): Promise<void> {
    this.#cancelCheck?.();
    this.#cancelWrite?.();
    this.#update();
    const hasChanged = this.#hasChanged((known, written) => known !== written);
    const mustTellEnd = this.#known.size > 0 && this.#everFollowed.size > 0;
    if (!hasChanged && !mustTellEnd) return;
    await this.#write(this.#options.clock.now(), LAST_WRITE_MS);
  }

  #update(): void {
    for (const source of this.#sources.values()) {
      this.#collect(source);
      const { requestsPerMinute } = source.latest;
      this.#limitLog.record(source.orgId, requestsPerMinute, this.#options.requestsPerMinute());
    }
    const granted = this.#options.grantedOrgIds();
    if (granted === null) return;
    for (const [key, { orgId }] of this.#known) {
      const isExpected = this.#options.areGrantsKept || this.#everFollowed.has(orgId);
      if (isExpected && !granted.has(orgId)) this.#known.delete(key);
    }
  }

  #collect(source: Source): void {
    const { key, orgId, apiOrigin, latest } = source;
    const facts = source.learned();
    if (areEqual(facts, latest)) return;
    source.latest = facts;
    const joined = join(facts, this.#known.get(key)?.facts);
    const learnedAt = this.#options.clock.now();
    this.#known.set(key, { orgId, apiOrigin, learnedAt, facts: joined });
  }

  #hasChangedNotably(): boolean {
    return this.#hasChanged(
      (known, written) =>
        differNotably(known.facts, written.facts) ||
        known.learnedAt - written.learnedAt >= MAX_CONFIRMATION_AGE_MS,
    );
  }

  #hasChanged(
    differ: (known: LearnedOrganization, written: LearnedOrganization) => boolean,
  ): boolean {
    if (this.#known.size !== this.#written.size) return true;
    return [...this.#known].some(([key, known]) => {
      const written = this.#written.get(key);
      return written === undefined || differ(known, written);
    });
  }

  /** Once for all organizations that the same event concerns. */
  #writeSoon(): void {
    this.#cancelWrite ??= this.#options.clock.endOfTurn(() => {
      this.#cancelWrite = null;
      void this.#write();
    });
  }

  /** A file that could not be written counts as it was, so that the next check writes it. */
  async #write(endedAt: number | null = null, maxWaitMs?: number): Promise<void> {
    const content = new Map(this.#known);
    const text = encodeLearned({ organizations: [...content.values()], endedAt });
    if (!(await this.#options.file.write(text, maxWaitMs))) return;
    this.#written = content;
    this.#writtenEndedAt = endedAt;
  }
}

/** What was learned last; a process whose first sweep has not ended knows no number of pages. */
function join(latest: LearnedFacts, earlier: LearnedFacts | undefined): LearnedFacts {
  return { ...latest, pages: latest.pages ?? earlier?.pages ?? null };
}

function keyOf({ orgId, apiOrigin }: Pick<LearnedOrganization, "orgId" | "apiOrigin">): string {
  return `${apiOrigin} ${orgId}`;
}
