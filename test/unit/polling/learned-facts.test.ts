import { expect } from "chai";
import fc from "fast-check";

import {
  areEqual,
  decodeLearned,
  differNotably,
  encodeLearned,
  isMinuteFree,
  isRecent,
  remainingPauseMs,
  type LearnedFacts,
  type LearnedOrganization,
} from "../../../src/polling/learned-facts.js";
import { createPollingHarness, fault, person } from "../../support/polling-harness.js";

const FACTS: LearnedFacts = {
  requestsPerMinute: 20,
  acceptedPerMinute: 90,
  pageSize: 500,
  pages: 12,
  requestDurationMs: { page: 2_000, lookup: 200 },
  honorsOldLinks: false,
  rateLimitPause: { beganAt: Date.UTC(2026, 0, 1), endsAt: Date.UTC(2026, 0, 1, 0, 1) },
};
const ORGANIZATION: LearnedOrganization = {
  orgId: "org",
  apiOrigin: "https://webexapis.com",
  learnedAt: Date.UTC(2026, 0, 1),
  facts: FACTS,
};

const organizations = (): fc.Arbitrary<LearnedOrganization> =>
  fc.record({
    orgId: fc.string({ minLength: 1, maxLength: 100 }),
    apiOrigin: fc.constantFrom("https://webexapis.com", "http://127.0.0.1:1", "__proto__"),
    learnedAt: fc.integer({ min: 0, max: 4e12 }),
    facts: fc.record({
      requestsPerMinute: fc.option(fc.integer({ min: 10, max: 6_000 }).map((n) => n / 10)),
      acceptedPerMinute: fc.option(fc.integer({ min: 61, max: 600 })),
      pageSize: fc.integer({ min: 50, max: 1_000 }),
      pages: fc.option(fc.integer({ min: 1, max: 10_000 })),
      requestDurationMs: fc.record({
        page: fc.integer({ min: 0, max: 60_000 }),
        lookup: fc.integer({ min: 0, max: 60_000 }),
      }),
      honorsOldLinks: fc.boolean(),
      rateLimitPause: fc.option(
        fc.record({
          beganAt: fc.integer({ min: 0, max: 4e12 }),
          endsAt: fc.integer({ min: 0, max: 4e12 }),
        }),
      ),
    }),
  });

const times = () => fc.option(fc.integer({ min: 0, max: 4e12 }));

const encode = (organizations: readonly LearnedOrganization[], endedAt: number | null = null) =>
  encodeLearned({ organizations, endedAt });

/** A valid file's text, in which the test changes the first organization. */
function textWith(change: object): string {
  const content = JSON.parse(encode([ORGANIZATION])) as { organizations: object[] };
  return JSON.stringify({
    ...content,
    organizations: [{ ...content.organizations[0], ...change }],
  });
}

const errorOf = (text: string): string | null => {
  const result = decodeLearned(text);
  return "error" in result ? result.error : null;
};

describe("learned facts as text", () => {
  it("come back as they were, the latest first", () => {
    fc.assert(
      fc.property(fc.array(organizations(), { maxLength: 5 }), times(), (all, endedAt) => {
        const newestFirst = [...all].sort((a, b) => b.learnedAt - a.learnedAt);
        const text = encodeLearned({ organizations: all, endedAt });
        expect(decodeLearned(text)).to.deep.equal({ organizations: newestFirst, endedAt });
      }),
    );
  });

  it("can be read whatever polling has measured", () => {
    const measured = fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constant(1e300));
    fc.assert(
      fc.property(fc.double({ min: 1, max: 600, noNaN: true }), measured, (limit, duration) => {
        const requestDurationMs = { page: duration, lookup: duration };
        const facts = { ...FACTS, requestsPerMinute: limit, requestDurationMs };
        expect(errorOf(encode([{ ...ORGANIZATION, facts }]))).to.equal(null);
      }),
    );
  });

  it("are those of the 1,000 organizations that were confirmed last", () => {
    const many = Array.from({ length: 1_001 }, (_, number) => ({
      ...ORGANIZATION,
      orgId: `org-${number}`,
      learnedAt: number,
    }));
    const result = decodeLearned(encode(many));
    const ids = "error" in result ? [] : result.organizations.map(({ orgId }) => orgId);
    expect(ids).to.have.length(1_000);
    expect(ids).not.to.include("org-0");
  });

  it("are never read wrong and never throw, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(errorOf(text)).to.be.a("string");
      }),
    );
  });

  it("are refused as a whole for one absurd value, without quoting it", () => {
    const absurd: object[] = [
      { orgId: "" },
      { orgId: 7 },
      { orgId: "x".repeat(1_001) },
      { apiOrigin: null },
      { learnedAt: "yesterday" },
      { learnedAt: 7 },
      { requestsPerMinute: -1 },
      { requestsPerMinute: 0 },
      { requestsPerMinute: 1e9 },
      { requestsPerMinute: "20" },
      { acceptedPerMinute: 0 },
      { acceptedPerMinute: 601 },
      { acceptedPerMinute: "90" },
      { pageSize: 0 },
      { pageSize: 49 },
      { pageSize: 1e9 },
      { pageSize: 500.5 },
      { pages: 0 },
      { pages: -3 },
      { pages: 10_001 },
      { requestDurationMs: null },
      { requestDurationMs: { page: -1, lookup: 0 } },
      { requestDurationMs: { page: 0, lookup: 1e9 } },
      { requestDurationMs: { page: 0 } },
      { honorsOldLinks: "secret" },
    ];
    expect(errorOf(textWith({}))).to.equal(null);
    for (const change of absurd) {
      const error = errorOf(textWith(change));
      expect(error, JSON.stringify(change)).to.match(/^has an invalid value at organizations\.0\./);
      expect(error).not.to.include("secret");
    }
    for (const endedAt of ["yesterday", 7, {}]) {
      const content = JSON.parse(textWith({})) as object;
      const error = errorOf(JSON.stringify({ ...content, endedAt }));
      expect(error).to.equal("has an invalid value at endedAt");
    }
    expect(errorOf(textWith({}).replace("500", "NaN"))).to.equal("is not valid JSON");
    expect(errorOf(textWith({}).replace("500", "1e999"))).to.include("pageSize");
  });

  it("can be read from a file of a worker that did not know all of them", () => {
    const { endedAt: _end, ...content } = JSON.parse(textWith({ rateLimitPause: undefined })) as {
      endedAt?: unknown;
    };
    const text = JSON.stringify(content).replace('"acceptedPerMinute":90,', "");
    expect(text).not.to.include("accepted");
    const facts = { ...FACTS, acceptedPerMinute: null, rateLimitPause: null };
    const organizations = [{ ...ORGANIZATION, facts }];
    expect(decodeLearned(text)).to.deep.equal({ organizations, endedAt: null });
  });

  it("are refused if the file is of another version, holds too many, or is something else", () => {
    const other = "is of another version of the worker, or of another program";
    expect(errorOf('{"version":2,"organizations":[]}')).to.equal(other);
    for (const text of ["null", "[]", "7", "{}", '{"organizations":[]}', '{"__proto__":1}']) {
      expect(errorOf(text)).to.equal(other);
    }
    expect(errorOf('{"version":1}')).to.equal("has an invalid value at organizations");
    const { organizations: entries } = JSON.parse(encode([ORGANIZATION])) as {
      organizations: object[];
    };
    const many = Array.from({ length: 10_000 }, () => entries[0]);
    expect(errorOf(JSON.stringify({ version: 1, organizations: many }))).to.equal(
      "has an invalid value at organizations",
    );
  });

  it("leave the prototype of objects alone, and ignore unknown members", () => {
    const text = textWith({}).replace('"pageSize"', '"__proto__":{"pages":7},"more":1,"pageSize"');
    const result = decodeLearned(text);
    expect(result).to.deep.equal({ organizations: [ORGANIZATION], endedAt: null });
    expect(({} as { pages?: number }).pages).to.equal(undefined);
  });
});

describe("learned facts", () => {
  it("differ notably if a restart would go differently", () => {
    const notable: Partial<LearnedFacts>[] = [
      { requestsPerMinute: null },
      { requestsPerMinute: 23 },
      { acceptedPerMinute: null },
      { acceptedPerMinute: 101 },
      { pageSize: 501 },
      { pages: null },
      { pages: 14 },
      { requestDurationMs: { page: 900, lookup: 200 } },
      { requestDurationMs: { page: 2_000, lookup: 450 } },
      { honorsOldLinks: true },
    ];
    for (const change of notable) {
      expect(differNotably(FACTS, { ...FACTS, ...change }), JSON.stringify(change)).to.equal(true);
      expect(differNotably({ ...FACTS, ...change }, FACTS), JSON.stringify(change)).to.equal(true);
    }
    const slight: Partial<LearnedFacts>[] = [
      {},
      { requestsPerMinute: 21 },
      { acceptedPerMinute: 98 },
      { pages: 13 },
      { requestDurationMs: { page: 1_500, lookup: 250 } },
    ];
    for (const change of slight) {
      expect(differNotably(FACTS, { ...FACTS, ...change }), JSON.stringify(change)).to.equal(false);
    }
    expect(areEqual(FACTS, { ...FACTS })).to.equal(true);
    expect(areEqual(FACTS, { ...FACTS, pages: 13 })).to.equal(false);
  });

  it("differ notably by a pause that a restart would not keep", () => {
    const pause = { beganAt: 1e12, endsAt: 1e12 + 60_000 };
    const without = { ...FACTS, rateLimitPause: null };
    const withPause = { ...FACTS, rateLimitPause: pause };
    expect(differNotably(withPause, without)).to.equal(true);
    expect(differNotably(withPause, { ...FACTS, rateLimitPause: { ...pause } })).to.equal(false);
    expect(differNotably(without, withPause)).to.equal(false);
    expect(areEqual(without, withPause)).to.equal(false);
  });

  it("keep a pause no longer than it was, whatever the clock says", () => {
    const pause = { beganAt: 1e12, endsAt: 1e12 + 60_000 };
    const remaining = [0, 20_000, 60_000, 1e9, -1e9].map((passed) =>
      remainingPauseMs(pause, pause.beganAt + passed),
    );
    expect(remaining).to.deep.equal([60_000, 40_000, 0, 0, 60_000]);
    expect(remainingPauseMs({ ...pause, endsAt: 4e12 }, 1e12)).to.equal(3_600_000);
    expect(remainingPauseMs({ ...pause, endsAt: 0 }, -1e12)).to.equal(0);
    expect(remainingPauseMs(null, 1e12)).to.equal(0);
  });

  it("leave the last minute to a successor if the worker ended before it", () => {
    const ages = [60_001, 60_000, 0, -1, -1e9];
    const free = ages.map((age) => isMinuteFree(1e12 - age, 1e12));
    expect(free).to.deep.equal([true, false, false, false, false]);
    expect(isMinuteFree(null, 1e12)).to.equal(false);
  });

  it("are recent for 7 days, also if a clock was ahead", () => {
    const day = 86_400_000;
    expect([0, 7 * day, -7 * day].map((age) => isRecent(1e12 - age, 1e12))).to.not.include(false);
    expect([7 * day + 1, -7 * day - 1].map((age) => isRecent(1e12 - age, 1e12))).to.not.include(
      true,
    );
  });
});

describe("a poller that starts with learned facts", () => {
  const pagesOf = (count: number) =>
    Array.from({ length: count }, (_, page) => [person(`p${page}`)]);

  it("continues with them, and passes on what it learns", async () => {
    const { clock, people, poller, start } = createPollingHarness(60, undefined, undefined, FACTS);
    // The budget has the pause, and this one began without it.
    expect(poller.learned()).to.deep.equal({ ...FACTS, rateLimitPause: null });
    people.pages = pagesOf(3);
    people.latencyMs = 400;
    await start(12_000);
    expect(people.requestNames[0]).to.equal("first 500");
    const { requestDurationMs, ...rest } = poller.learned();
    expect(rest).to.deep.equal({
      requestsPerMinute: 20,
      acceptedPerMinute: 90,
      pageSize: 500,
      pages: 3,
      honorsOldLinks: false,
      rateLimitPause: null,
    });
    expect(requestDurationMs.page).to.be.within(400, 1_500);
    expect(requestDurationMs.lookup).to.equal(200);
    await clock.advance(60_000);
    const learned = poller.learned();
    await poller.stop();
    expect(poller.learned()).to.deep.equal(learned);
  });

  it("knows how many pages to expect before the first sweep has ended", async () => {
    const expected: (number | null)[] = [];
    const harness = createPollingHarness(
      60,
      undefined,
      (input) => {
        expected.push(input.expectedPages);
        if (input.inFlight.isSweepPage) return { kind: "wait", untilMs: Number.POSITIVE_INFINITY };
        return { kind: "page", page: input.sweep?.page ?? { kind: "first", max: 1 } };
      },
      FACTS,
    );
    harness.people.pages = pagesOf(2);
    harness.people.latencyMs = 1_000;
    await harness.start(10_000);
    expect([...new Set(expected)]).to.deep.equal([12, 2]);
  });

  it("passes on how many pages there are at least, once there are more than expected", async () => {
    const { clock, people, poller, start } = createPollingHarness(60, undefined, undefined, FACTS);
    people.pages = pagesOf(30);
    people.latencyMs = 400;
    await start(20_000);
    const requests = people.requestNames.length;
    expect(requests).to.be.lessThan(12);
    expect(poller.learned().pages).to.equal(12);
    await clock.advance(30_000);
    expect(poller.learned().pages).to.be.within(13, 29);
  });

  it("has nothing to pass on before the first answer", () => {
    expect(createPollingHarness().poller.learned()).to.deep.equal({
      requestsPerMinute: null,
      acceptedPerMinute: null,
      pageSize: 1_000,
      pages: null,
      requestDurationMs: { page: 0, lookup: 0 },
      honorsOldLinks: true,
      rateLimitPause: null,
    });
  });

  it("passes on the size of pages that Webex could deliver", async () => {
    const { people, poller, start } = createPollingHarness();
    people.failRequest = (name) => (name === "first 1000" ? fault("webexError", 504) : null);
    await start(10_000);
    expect(poller.learned().pageSize).to.equal(500);
  });

  it("does not pass on a size that an outage has reduced", async () => {
    const { clock, people, poller, start } = createPollingHarness(60, undefined, undefined, FACTS);
    people.failRequest = () => fault("webexError", 504);
    await start(60_000);
    expect(people.requestNames.at(-1)).to.equal("first 50");
    expect(poller.learned().pageSize).to.equal(500);
    people.failRequest = () => null;
    await clock.advance(180_000);
    const sizes = people.requestNames.filter((name, index, all) => name !== all[index - 1]);
    // What an earlier process has proven is restored at once.
    expect(sizes.slice(sizes.indexOf("first 50"), -1)).to.deep.equal(["first 50", "first 500"]);
  });
});
