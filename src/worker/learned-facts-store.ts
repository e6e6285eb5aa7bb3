import type { Disposer } from "../faults/emitter.js";
import {
  areEqual,
  decodeLearned,
  differNotably,
  encodeLearned,
  isRecent,
  type LearnedFacts,
  type LearnedOrganization,
} from "../polling/learned-facts.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { LearnedFile } from "../ports/process.js";

const CHECK_INTERVAL_MS = 60_000;
/** Facts that have not changed are written again after this time, so that they do not expire. */
const MAX_CONFIRMATION_AGE_MS = 86_400_000;
/** The worker's exit does not wait longer for a program that holds the file. */
const LAST_WRITE_MS = 250;

export interface LearnedFactsStoreOptions {
  readonly file: LearnedFile;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The organizations that have a grant, whichever it is; null while that is unknown. */
  readonly grantedOrgIds: () => ReadonlySet<string> | null;
  /** Whether an organization that never had a grant in this process has none at all. */
  readonly areGrantsKept: boolean;
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
  /** By organization and origin. */
  readonly #known = new Map<string, LearnedOrganization>();
  /** What the file contains. */
  #written: ReadonlyMap<string, LearnedOrganization> = new Map();
  /** By organization. */
  readonly #sources = new Map<string, Source>();
  readonly #everFollowed = new Set<string>();
  #cancelCheck: Disposer | null = null;

  constructor(options: LearnedFactsStoreOptions) {
    this.#options = options;
  }

  /** Reads the file. Never rejects; a disk that does not respond can take forever. */
  async load(): Promise<void> {
    const { clock, file, logger } = this.#options;
    const result = await file.read().then(
      (text) => (text === null ? { organizations: [] } : decodeLearned(text)),
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
    // A disk may respond late: what this process has learned by then is newer.
    for (const [key, each] of this.#written) if (!this.#known.has(key)) this.#known.set(key, each);
  }

  /** Returns what is known of an organization, or null. */
  recall(orgId: string, apiOrigin: string): LearnedFacts | null {
    return this.#known.get(keyOf({ orgId, apiOrigin }))?.facts ?? null;
  }

  /** Keeps what is learned of an organization from now on. */
  follow(orgId: string, apiOrigin: string, learned: () => LearnedFacts): void {
    const key = keyOf({ orgId, apiOrigin });
    this.#sources.set(orgId, { key, orgId, apiOrigin, learned, latest: learned() });
    this.#everFollowed.add(orgId);
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#options.logger.info("Starts with what was learned of the organization earlier.", {
      orgId,
      learnedAt: new Date(known.learnedAt).toISOString(),
      ...known.facts,
    });
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
      if (this.#hasChangedNotably()) void this.#write();
    });
  }

  /** Writes the file a last time, if anything has changed. */
  async stop(): Promise<void> {
    this.#cancelCheck?.();
    this.#update();
    if (this.#hasChanged((known, written) => known !== written)) await this.#write(LAST_WRITE_MS);
  }

  #update(): void {
    for (const source of this.#sources.values()) this.#collect(source);
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
    this.#known.set(key, { orgId, apiOrigin, learnedAt: this.#options.clock.now(), facts });
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

  #write(maxWaitMs?: number): Promise<void> {
    this.#written = new Map(this.#known);
    return this.#options.file.write(encodeLearned([...this.#known.values()]), maxWaitMs);
  }
}

function keyOf({ orgId, apiOrigin }: Pick<LearnedOrganization, "orgId" | "apiOrigin">): string {
  return `${apiOrigin} ${orgId}`;
}
