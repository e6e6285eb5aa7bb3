import * as z from "zod/mini";

/** What polling has found out about how Webex answers for one organization. */
export interface LearnedFacts {
  /** The limit that Webex was found to enforce; null if it is not below the configured one. */
  readonly requestsPerMinute: number | null;
  /** The most requests answered in a minute since the last rejection; null if not above 60. */
  readonly acceptedPerMinute: number | null;
  /** How many persons to request per page: as many as Webex could deliver. */
  readonly pageSize: number;
  /** How many pages the last complete sweep had; null before one has completed. */
  readonly pages: number | null;
  /** Average duration of a request; 0 if unknown. */
  readonly requestDurationMs: { readonly page: number; readonly lookup: number };
  /** Whether Webex, as far as is known, answers an old link to a page with the same page. */
  readonly honorsOldLinks: boolean;
  /** The pause after a 429 or 423 that is not over; null if there is none. */
  readonly rateLimitPause: RateLimitPeriod | null;
}

/** Epoch milliseconds. */
export interface RateLimitPeriod {
  readonly beganAt: number;
  readonly endsAt: number;
}

/** What the worker passes on to the next process. */
export interface LearnedContent {
  readonly organizations: readonly LearnedOrganization[];
  /** When the worker ended, epoch milliseconds; null while it runs, and after a crash. */
  readonly endedAt: number | null;
}

/** The facts of one organization at one API. The same id at another API is another organization. */
export interface LearnedOrganization {
  readonly orgId: string;
  /** The origin of the API (RFC 6454). */
  readonly apiOrigin: string;
  /** When they were last confirmed, epoch milliseconds. */
  readonly learnedAt: number;
  readonly facts: LearnedFacts;
}

const VERSION = 1;
const MAX_ORGANIZATIONS = 1_000;
const MAX_ID_LENGTH = 1_000;
const MAX_REQUESTS_PER_MINUTE = 600;
const MIN_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1_000;
const MAX_PAGES = 10_000;
/** Longer than any request may take. */
const MAX_DURATION_MS = 60_000;
/** An organization changes, and so do Webex's limits. */
const MAX_AGE_MS = 7 * 86_400_000;
/** As long as the longest `Retry-After` that is followed. */
const MAX_PAUSE_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** A change below these shares costs less than a write. */
export const NOTABLE_SHARE = 0.1;
const NOTABLE_DURATION_SHARE = 0.5;
const NOTABLE_DURATION_MS = 100;

/** Returns whether a restart with `a` instead of `b` would make a difference. */
export function differNotably(a: LearnedFacts, b: LearnedFacts): boolean {
  const durations = (["page", "lookup"] as const).map(
    (kind) => [a.requestDurationMs[kind], b.requestDurationMs[kind]] as const,
  );
  return (
    a.pageSize !== b.pageSize ||
    a.honorsOldLinks !== b.honorsOldLinks ||
    hasOtherPause(a, b) ||
    differBy(NOTABLE_SHARE, a.requestsPerMinute, b.requestsPerMinute) ||
    differBy(NOTABLE_SHARE, a.acceptedPerMinute, b.acceptedPerMinute) ||
    differBy(NOTABLE_SHARE, a.pages, b.pages) ||
    durations.some(
      ([first, second]) =>
        Math.abs(first - second) >= NOTABLE_DURATION_MS &&
        differBy(NOTABLE_DURATION_SHARE, first, second),
    )
  );
}

/** Returns whether `a` has a pause that a restart with `b` would not keep. */
export function hasOtherPause(a: LearnedFacts, b: LearnedFacts): boolean {
  return a.rateLimitPause !== null && a.rateLimitPause.endsAt !== b.rateLimitPause?.endsAt;
}

/**
 * Returns how much of a pause is left, in milliseconds: at most as long as it was, even if the
 * clock was set back meanwhile, and at most an hour.
 */
export function remainingPauseMs(pause: RateLimitPeriod | null, now: number): number {
  if (pause === null) return 0;
  const { beganAt, endsAt } = pause;
  return Math.max(0, Math.min(endsAt - now, endsAt - beganAt, MAX_PAUSE_MS));
}

export function areEqual(a: LearnedFacts, b: LearnedFacts): boolean {
  return (
    a.requestsPerMinute === b.requestsPerMinute &&
    a.acceptedPerMinute === b.acceptedPerMinute &&
    a.pageSize === b.pageSize &&
    a.pages === b.pages &&
    a.requestDurationMs.page === b.requestDurationMs.page &&
    a.requestDurationMs.lookup === b.requestDurationMs.lookup &&
    a.honorsOldLinks === b.honorsOldLinks &&
    a.rateLimitPause?.endsAt === b.rateLimitPause?.endsAt
  );
}

/** Returns whether they differ by more than a share of the larger one. Null differs from all. */
export function differBy(share: number, a: number | null, b: number | null): boolean {
  if (a === null || b === null) return a !== b;
  return Math.abs(a - b) > share * Math.max(a, b);
}

/**
 * Returns whether a worker that ended at that time (null: unknown) has left the last minute's
 * requests to its successor. A time to come is a clock's error.
 */
export function isMinuteFree(endedAt: number | null, now: number): boolean {
  return endedAt !== null && now - endedAt > MINUTE_MS;
}

/** Returns whether facts of that time still say something. A time to come is a clock's error. */
export function isRecent(learnedAt: number, now: number): boolean {
  return Math.abs(now - learnedAt) <= MAX_AGE_MS;
}

/**
 * Returns the text of a file that `decodeLearned` reads: of at most 1,000 organizations, the ones
 * that were confirmed last. Numbers are rounded, and bounded to what decoding accepts.
 */
export function encodeLearned({ organizations, endedAt }: LearnedContent): string {
  const newestFirst = [...organizations].sort((a, b) => b.learnedAt - a.learnedAt);
  const content = {
    version: VERSION,
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
    organizations: newestFirst.slice(0, MAX_ORGANIZATIONS).map((organization) => {
      const { orgId, apiOrigin, learnedAt, facts } = organization;
      const { rateLimitPause: pause } = facts;
      const { page, lookup } = facts.requestDurationMs;
      return {
        orgId,
        apiOrigin,
        learnedAt: new Date(learnedAt).toISOString(),
        ...facts,
        requestsPerMinute: facts.requestsPerMinute && roundLimit(facts.requestsPerMinute),
        acceptedPerMinute: facts.acceptedPerMinute && roundLimit(facts.acceptedPerMinute),
        requestDurationMs: { page: roundDuration(page), lookup: roundDuration(lookup) },
        rateLimitPause: pause && {
          beganAt: new Date(pause.beganAt).toISOString(),
          endsAt: new Date(pause.endsAt).toISOString(),
        },
      };
    }),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function roundLimit(perMinute: number): number {
  const rounded = Math.round(perMinute * 10) / 10;
  return Math.max(1, Math.min(MAX_REQUESTS_PER_MINUTE, rounded));
}

function roundDuration(ms: number): number {
  return Math.min(MAX_DURATION_MS, Math.round(ms));
}

/**
 * Reads a file's text: its content, or `error`, which continues "the file ". Nothing of the
 * text is in an error. One value out of range makes the whole file unusable, because whatever
 * changed it may have changed the rest as well.
 */
export function decodeLearned(text: string): LearnedContent | { readonly error: string } {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return { error: "is not valid JSON" };
  }
  if (!versionRecord().safeParse(content).success) {
    return { error: "is of another version of the worker, or of another program" };
  }
  const result = fileRecord().safeParse(content);
  if (result.success) {
    const { organizations, endedAt = null } = result.data;
    return {
      organizations: organizations.map(toOrganization),
      endedAt: endedAt === null ? null : Date.parse(endedAt),
    };
  }
  const path = result.error.issues[0]?.path.map(String).join(".") ?? "";
  return { error: `has an invalid value at ${path}` };
}

// Built when the file is read, because building schemas would delay the first response.
const versionRecord = () => z.object({ version: z.literal(VERSION) });
const id = () => z.string().check(z.minLength(1), z.maxLength(MAX_ID_LENGTH));
const numberFrom = (min: number, max: number) => z.number().check(z.gte(min), z.lte(max));
const integerFrom = (min: number, max: number) => z.int().check(z.gte(min), z.lte(max));
const time = () =>
  z.string().check(
    z.maxLength(MAX_ID_LENGTH),
    z.refine((text) => !Number.isNaN(Date.parse(text))),
  );
// What is optional was not written by earlier versions.
const organizationRecord = () =>
  z.object({
    orgId: id(),
    apiOrigin: id(),
    learnedAt: time(),
    requestsPerMinute: z.nullable(numberFrom(1, MAX_REQUESTS_PER_MINUTE)),
    acceptedPerMinute: z.optional(z.nullable(numberFrom(1, MAX_REQUESTS_PER_MINUTE))),
    pageSize: integerFrom(MIN_PAGE_SIZE, MAX_PAGE_SIZE),
    pages: z.nullable(integerFrom(1, MAX_PAGES)),
    requestDurationMs: z.object({
      page: numberFrom(0, MAX_DURATION_MS),
      lookup: numberFrom(0, MAX_DURATION_MS),
    }),
    honorsOldLinks: z.boolean(),
    rateLimitPause: z.optional(z.nullable(z.object({ beganAt: time(), endsAt: time() }))),
  });
const fileRecord = () =>
  z.object({
    endedAt: z.optional(z.nullable(time())),
    organizations: z.array(organizationRecord()).check(z.maxLength(MAX_ORGANIZATIONS)),
  });

function toOrganization(
  record: z.infer<ReturnType<typeof organizationRecord>>,
): LearnedOrganization {
  const { orgId, apiOrigin, learnedAt, acceptedPerMinute = null, ...rest } = record;
  const { rateLimitPause: pause = null } = record;
  const rateLimitPause = pause && {
    beganAt: Date.parse(pause.beganAt),
    endsAt: Date.parse(pause.endsAt),
  };
  const facts = { ...rest, acceptedPerMinute, rateLimitPause };
  return { orgId, apiOrigin, learnedAt: Date.parse(learnedAt), facts };
}
