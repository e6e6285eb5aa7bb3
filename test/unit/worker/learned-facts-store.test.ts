import { expect } from "chai";

import {
  decodeLearned,
  encodeLearned,
  type LearnedContent,
  type LearnedFacts,
} from "../../../src/polling/learned-facts.js";
import { LearnedFactsStore } from "../../../src/worker/learned-facts-store.js";
import { FakeClock, settle } from "../../support/clock-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

const DAY_MS = 86_400_000;
const ORIGIN = "https://webexapis.com";
const FACTS: LearnedFacts = {
  requestsPerMinute: 20,
  acceptedPerMinute: null,
  pageSize: 1_000,
  pages: 12,
  requestDurationMs: { page: 2_000, lookup: 200 },
  honorsOldLinks: true,
  rateLimitPause: null,
};

interface HarnessOptions {
  readonly text?: string | null;
  readonly read?: () => Promise<string | null>;
  readonly granted?: readonly string[] | null;
  readonly areGrantsKept?: boolean;
  readonly clock?: FakeClock;
}

function createHarness(options: HarnessOptions = {}) {
  const { clock = new FakeClock(), text = null, areGrantsKept = true } = options;
  const logger = new RecordingLogger();
  const written: { readonly text: string; readonly maxWaitMs: number | undefined }[] = [];
  const state = {
    granted: options.granted === undefined ? ["org"] : options.granted,
    isLocked: false,
  };
  const store = new LearnedFactsStore({
    file: {
      read: options.read ?? (() => Promise.resolve(text)),
      write: (newText, maxWaitMs) => {
        written.push({ text: newText, maxWaitMs });
        return Promise.resolve(!state.isLocked);
      },
    },
    ...{ clock, logger, areGrantsKept },
    grantedOrgIds: () => state.granted && new Set(state.granted),
    requestsPerMinute: () => 60,
  });
  const decoded = (): LearnedContent => {
    const nothing = encodeLearned({ organizations: [], endedAt: null });
    const result = decodeLearned(written.at(-1)?.text ?? nothing);
    if ("error" in result) throw new Error(result.error);
    return result;
  };
  /** What the file contains, by organization. */
  const content = (): Record<string, LearnedFacts> => {
    const result = decoded();
    return Object.fromEntries(result.organizations.map(({ orgId, facts }) => [orgId, facts]));
  };
  return { clock, logger, store, written, state, decoded, content };
}

function fileOf(
  clock: FakeClock,
  ageMs = 0,
  ...orgIds: readonly [string, ...string[]] | readonly []
): string {
  return fileEndedAt(null, clock, ageMs, ...orgIds);
}

function fileEndedAt(
  endedAt: number | null,
  clock: FakeClock,
  ageMs = 0,
  ...orgIds: readonly string[]
): string {
  const learnedAt = clock.now() - ageMs;
  const ids = orgIds.length === 0 ? ["org"] : orgIds;
  const organizations = ids.map((orgId) => ({
    ...{ orgId, apiOrigin: ORIGIN },
    ...{ learnedAt, facts: FACTS },
  }));
  return encodeLearned({ organizations, endedAt });
}

describe("learned facts store", () => {
  it("recalls what the file says of an organization at this API alone", async () => {
    const clock = new FakeClock();
    const { store, logger } = createHarness({ text: fileOf(clock), clock });
    expect(store.recall("org", ORIGIN)).to.equal(null);
    await store.load();
    expect(store.recall("org", ORIGIN)).to.deep.equal(FACTS);
    expect(store.recall("org", "https://example.com")).to.equal(null);
    expect(store.recall("__proto__", ORIGIN)).to.equal(null);
    store.follow("org", ORIGIN, () => FACTS);
    expect(logger.records.map(({ level, fields }) => [level, fields])).to.deep.equal([
      ["info", { orgId: "org", learnedAt: "2026-01-01T00:00:00.000Z", ...FACTS }],
    ]);
  });

  it("logs with what an organization starts, and what is found out of its limit", async () => {
    const clock = new FakeClock();
    const { store, logger } = createHarness({ text: fileOf(clock), clock });
    await store.load();
    store.start();
    let requestsPerMinute: number | null = 20;
    store.follow("org", ORIGIN, () => ({ ...FACTS, requestsPerMinute }));
    const start =
      "Starts with what was learned of the organization at 2026-01-01T00:00:00.000Z: " +
      "about 20 requests per minute, 12 pages.";
    const found =
      "Webex accepts about 12 requests per minute for this organization; " +
      "WebexPresence.RequestsPerMinute is 60.";
    const lifted =
      "Webex accepts as many requests per minute for this organization as " +
      "WebexPresence.RequestsPerMinute allows (60).";
    const messages = (): string[] => logger.records.map(({ message }) => message);
    requestsPerMinute = 19;
    await clock.advance(60_000);
    expect(messages()).to.deep.equal([start]);
    requestsPerMinute = 12.6;
    await clock.advance(60_000);
    expect(messages()).to.deep.equal([start, found]);
    requestsPerMinute = null;
    await clock.advance(540_000);
    expect(messages()).to.deep.equal([start, found]);
    await clock.advance(60_000);
    expect(messages()).to.deep.equal([start, found, lifted]);
  });

  it("ignores what is older than 7 days", async () => {
    const clock = new FakeClock();
    for (const [ageMs, expected] of [
      [7 * DAY_MS, FACTS],
      [7 * DAY_MS + 1, null],
    ] as const) {
      const { store } = createHarness({ text: fileOf(clock, ageMs), clock });
      await store.load();
      expect(store.recall("org", ORIGIN)).to.deep.equal(expected);
    }
  });

  it("does without a file, and says in one line why it cannot use one", async () => {
    const missing = createHarness();
    await missing.store.load();
    expect(missing.logger.records).to.deep.equal([]);
    const damaged = createHarness({ text: '{"version":1' });
    const locked = createHarness({
      read: () => Promise.reject(new Error("cannot be read (EACCES)")),
    });
    for (const [{ store, logger }, reason] of [
      [damaged, "The file is not valid JSON."],
      [locked, "The file cannot be read (EACCES)."],
    ] as const) {
      await store.load();
      expect(store.recall("org", ORIGIN)).to.equal(null);
      expect(logger.records.map(({ level, fields }) => [level, fields])).to.deep.equal([
        ["info", { reason }],
      ]);
    }
  });

  it("writes once a minute at most, and only what has changed notably", async () => {
    const { clock, store, written, content } = createHarness();
    let facts = FACTS;
    await store.load();
    store.start();
    store.follow("org", ORIGIN, () => facts);
    await clock.advance(300_000);
    expect(written).to.have.length(1);
    facts = { ...FACTS, requestsPerMinute: 30 };
    await clock.advance(59_000);
    facts = { ...FACTS, requestsPerMinute: 40 };
    await clock.advance(1_000);
    expect(written).to.have.length(2);
    expect(content().org?.requestsPerMinute).to.equal(40);
    for (const requestsPerMinute of [41, 42, 43, 44]) {
      facts = { ...FACTS, requestsPerMinute };
      await clock.advance(60_000);
    }
    expect(written).to.have.length(2);
    facts = { ...FACTS, requestsPerMinute: 45 };
    await clock.advance(60_000);
    expect(written).to.have.length(3);
  });

  it("writes at once, and once for all, which organizations are polled", async () => {
    const { store, written, content } = createHarness({ granted: ["a", "b"] });
    await store.load();
    for (const orgId of ["a", "b"]) store.follow(orgId, ORIGIN, () => FACTS);
    await settle();
    expect(written).to.have.length(1);
    expect(content()).to.have.keys("a", "b");
  });

  it("writes a pause at once, and its end at the next occasion", async () => {
    const { clock, store, written, content } = createHarness();
    let facts = FACTS;
    await store.load();
    store.follow("org", ORIGIN, () => facts);
    await settle();
    const beganAt = clock.now();
    const rateLimitPause = { beganAt, endsAt: beganAt + 30_000 };
    facts = { ...FACTS, rateLimitPause };
    store.review("org");
    store.review("org");
    await settle();
    expect(written).to.have.length(2);
    expect(content().org?.rateLimitPause).to.deep.equal(rateLimitPause);
    store.review("org");
    store.review("unknown");
    facts = FACTS;
    store.review("org");
    await settle();
    expect(written).to.have.length(2);
    await store.stop();
    expect(content().org?.rateLimitPause).to.equal(null);
  });

  it("writes what only confirms the file once a day, so that it does not expire", async () => {
    const clock = new FakeClock();
    const { store, written } = createHarness({ text: fileOf(clock), clock });
    await store.load();
    store.start();
    let page = 2_000;
    store.follow("org", ORIGIN, () => ({ ...FACTS, requestDurationMs: { page, lookup: 200 } }));
    await clock.advance(2 * DAY_MS);
    // Nothing was requested: a worker that is disabled for long has confirmed nothing.
    expect(written).to.have.length(0);
    page = 2_001;
    await clock.advance(60_000);
    expect(written).to.have.length(1);
    for (let hour = 0; hour < 50; hour += 1) {
      page += 1;
      await clock.advance(3_600_000);
    }
    expect(written).to.have.length(3);
    await store.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  it("writes the latest facts at the end, within the time of an exit", async () => {
    const { store, written, content } = createHarness();
    let facts = FACTS;
    await store.load();
    store.start();
    store.follow("org", ORIGIN, () => facts);
    facts = { ...FACTS, pages: 13 };
    await store.stop();
    expect(written[0]?.maxWaitMs).to.equal(250);
    expect(content().org?.pages).to.equal(13);
  });

  it("leaves the file alone at the end if nothing was learned", async () => {
    const clock = new FakeClock();
    for (const text of [null, fileOf(clock)]) {
      const { store, written } = createHarness({ text, clock });
      await store.load();
      store.start();
      await store.stop();
      expect(written).to.deep.equal([]);
    }
  });

  it("tells the next process when this one has ended, and after a crash, nothing", async () => {
    const clock = new FakeClock();
    const earlier = clock.now();
    const { store, written, decoded } = createHarness({
      ...{ clock, text: fileEndedAt(earlier, clock), granted: ["org", "other"] },
    });
    await store.load();
    expect(store.isMinuteFree()).to.equal(false);
    await clock.advance(60_001);
    expect(store.isMinuteFree()).to.equal(true);
    store.start();
    store.follow("org", ORIGIN, () => FACTS);
    expect(written).to.have.length(1);
    expect(decoded().endedAt).to.equal(null);
    // It is the earlier process that matters.
    expect(store.isMinuteFree()).to.equal(true);
    store.follow("other", ORIGIN, () => FACTS);
    await clock.advance(120_000);
    expect(written).to.have.length(2);
    await store.stop();
    expect(decoded().endedAt).to.equal(clock.now());
  });

  it("takes the minute for used up after a crash, and without a file", async () => {
    const clock = new FakeClock();
    for (const text of [fileOf(clock, 3_600_000), null]) {
      const { store } = createHarness({ text, clock });
      await store.load();
      expect(store.isMinuteFree()).to.equal(false);
    }
  });

  it("writes again after a minute what could not be written", async () => {
    const clock = new FakeClock();
    const text = fileEndedAt(clock.now() - 1, clock);
    const { store, written, state, decoded, content } = createHarness({ clock, text });
    let facts = FACTS;
    state.isLocked = true;
    await store.load();
    store.start();
    store.follow("org", ORIGIN, () => facts);
    await clock.advance(60_000);
    expect(written).to.have.length(2);
    state.isLocked = false;
    await clock.advance(60_000);
    expect(decoded().endedAt).to.equal(null);
    state.isLocked = true;
    facts = { ...FACTS, pageSize: 500 };
    await clock.advance(120_000);
    expect(written).to.have.length(5);
    state.isLocked = false;
    await clock.advance(120_000);
    expect(written).to.have.length(6);
    expect(content().org?.pageSize).to.equal(500);
  });

  it("keeps the number of pages if a process ends before it knows it", async () => {
    const clock = new FakeClock();
    const late: { answer: (text: string) => void } = { answer: () => undefined };
    const { store, content } = createHarness({
      clock,
      read: () => new Promise((resolve) => (late.answer = resolve)),
    });
    const loaded = store.load();
    let facts: LearnedFacts = { ...FACTS, pages: null };
    store.follow("org", ORIGIN, () => facts);
    facts = { ...facts, requestsPerMinute: 30 };
    store.unfollow("org");
    store.follow("org", ORIGIN, () => facts);
    late.answer(fileOf(clock));
    await loaded;
    expect(store.recall("org", ORIGIN)).to.deep.equal({ ...FACTS, requestsPerMinute: 30 });
    facts = { ...facts, requestsPerMinute: 40 };
    await store.stop();
    expect(content().org).to.deep.equal({ ...FACTS, requestsPerMinute: 40 });
  });

  it("keeps what it knows of organizations that another API has, or that cannot be read", async () => {
    const clock = new FakeClock();
    const { store, state, content } = createHarness({ text: fileOf(clock), clock });
    await store.load();
    let pages = 12;
    store.follow("org", "http://127.0.0.1:1", () => ({ ...FACTS, pages }));
    pages = 13;
    state.granted = null;
    await store.stop();
    expect(Object.keys(content())).to.deep.equal(["org"]);
    expect(store.recall("org", ORIGIN)?.pages).to.equal(12);
    expect(store.recall("org", "http://127.0.0.1:1")?.pages).to.equal(13);
  });

  it("keeps what was learned last of an organization that is not polled any more", async () => {
    const { store } = createHarness();
    let facts = FACTS;
    store.follow("org", ORIGIN, () => facts);
    facts = { ...FACTS, pages: 13 };
    store.unfollow("org");
    expect(store.recall("org", ORIGIN)?.pages).to.equal(13);
  });

  it("forgets an organization whose grant was revoked, now or before the start", async () => {
    const clock = new FakeClock();
    const text = fileOf(clock, 0, "org", "revoked", "revoked before");
    const { store, state, written, content } = createHarness({ text, clock });
    state.granted = ["org", "revoked"];
    await store.load();
    store.start();
    for (const orgId of state.granted) store.follow(orgId, ORIGIN, () => FACTS);
    store.unfollow("revoked");
    state.granted = ["org"];
    await clock.advance(60_000);
    expect(written).to.have.length(1);
    expect(Object.keys(content())).to.deep.equal(["org"]);
  });

  it("does not forget organizations that the host has yet to authorize again", async () => {
    const clock = new FakeClock();
    const text = fileOf(clock, 0, "org", "revoked");
    const { store, state, content } = createHarness({
      ...{ text, clock, granted: [], areGrantsKept: false },
    });
    await store.load();
    store.start();
    await clock.advance(60_000);
    expect(store.recall("org", ORIGIN)).to.deep.equal(FACTS);
    state.granted = ["revoked"];
    store.follow("revoked", ORIGIN, () => FACTS);
    state.granted = [];
    await clock.advance(60_000);
    expect(Object.keys(content())).to.deep.equal(["org"]);
  });

  it("prefers what it has learned to a file that is read late", async () => {
    const clock = new FakeClock();
    const late: { answer: (text: string) => void } = { answer: () => undefined };
    const { store } = createHarness({
      clock,
      read: () => new Promise((resolve) => (late.answer = resolve)),
    });
    const loaded = store.load();
    let pages = 1;
    store.follow("org", ORIGIN, () => ({ ...FACTS, pages }));
    pages = 2;
    store.unfollow("org");
    late.answer(fileOf(clock, 0, "org", "other"));
    await loaded;
    await settle();
    expect(store.recall("org", ORIGIN)?.pages).to.equal(2);
    expect(store.recall("other", ORIGIN)?.pages).to.equal(12);
  });
});
