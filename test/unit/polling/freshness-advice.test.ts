import { expect } from "chai";
import fc from "fast-check";

import {
  adviseOnFreshness,
  findExpectedAge,
  freshnessHint,
  type FreshnessInput,
} from "../../../src/polling/freshness-advice.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";

const SETTINGS = { pollIntervalSeconds: 20, requestsPerMinute: 60, staleAfterSeconds: 180 };

interface Organization {
  readonly pages: number;
  readonly watched: number;
  readonly isRefetchable?: boolean;
}

/** Watched persons on pages of their own, as far as there are so many. */
function organization({ pages, watched, isRefetchable = true }: Organization): FreshnessInput {
  const pageWeights = new Float64Array(pages);
  for (let person = 0; person < watched; person += 1) {
    pageWeights[person % pages] = (pageWeights[person % pages] ?? 0) + 1;
  }
  return {
    settings: SETTINGS,
    observedLimit: null,
    watchedP95: 200,
    steadyMs: 3_600_000,
    requestsPerMinute: 60,
    requestDurationMs: { page: 400, lookup: 200 },
    maxInFlight: 4,
    pollIntervalMs: 20_000,
    pages: { count: pages, isComplete: true, isRefetchable },
    expectedPages: null,
    unmatchedAddresses: [],
    demand: { ...NO_DEMAND, persons: watched, effectivePersons: watched, pageWeights },
  };
}

function withSettings(input: FreshnessInput, change: Partial<typeof SETTINGS>): FreshnessInput {
  const settings = { ...input.settings, ...change };
  return { ...input, settings, pollIntervalMs: settings.pollIntervalSeconds * 1_000 };
}

const LARGE = organization({ pages: 1_000, watched: 300 });

describe("advice on freshness", () => {
  it("is more requests if their number is the cause", () => {
    // 300 requests, one a second, a twentieth of them for the sweep.
    expect(adviseOnFreshness({ ...LARGE, watchedP95: 379 })).to.deep.equal({
      kind: "setting",
      setting: "RequestsPerMinute",
      current: 60,
      suggested: 140,
      expectedSeconds: 163,
    });
  });

  it("is by the settings, not by the rate and the concurrency of a start", () => {
    const slow = { ...LARGE, watchedP95: 379, requestDurationMs: { page: 3_000, lookup: 2_500 } };
    const advice = adviseOnFreshness(slow);
    expect(advice).to.include({ kind: "setting", setting: "RequestsPerMinute" });
    expect(adviseOnFreshness({ ...slow, maxInFlight: 1 })).to.deep.equal(advice);
    const starting = { ...organization({ pages: 1_000, watched: 100 }), requestsPerMinute: 15 };
    expect(adviseOnFreshness(starting)).to.include({ kind: "none" });
  });

  it("is a shorter interval if that is the cause", () => {
    const small = withSettings(organization({ pages: 1, watched: 10 }), {
      pollIntervalSeconds: 300,
    });
    expect(adviseOnFreshness(small)).to.deep.equal({
      kind: "setting",
      setting: "PollIntervalSeconds",
      current: 300,
      suggested: 163,
      expectedSeconds: 163,
    });
  });

  it("is StaleAfterSeconds if neither is sufficient", () => {
    const huge = { ...organization({ pages: 10_000, watched: 10_000 }), watchedP95: 10_000 };
    expect(adviseOnFreshness(huge)).to.deep.equal({
      kind: "setting",
      setting: "StaleAfterSeconds",
      current: 180,
      suggested: 11_000,
      expectedSeconds: 10_000,
    });
  });

  it("is fewer watched users if Webex allows no more requests", () => {
    const limited = { ...LARGE, observedLimit: 60, watchedP95: 379 };
    expect(adviseOnFreshness(limited)).to.deep.equal({
      kind: "limit",
      observedLimit: 60,
      maxWatched: 129,
      staleAfterSeconds: 420,
      expectedSeconds: 379,
    });
  });

  it("is a shorter interval under Webex's limit, too", () => {
    const input = withSettings(organization({ pages: 1, watched: 10 }), {
      pollIntervalSeconds: 300,
    });
    const advice = adviseOnFreshness({ ...input, observedLimit: 30, requestsPerMinute: 28 });
    expect(advice).to.include({ kind: "setting", setting: "PollIntervalSeconds" });
  });

  it("is no change if an outage has caused the ages", () => {
    const fine = { ...organization({ pages: 100, watched: 50 }), watchedP95: 900 };
    expect(adviseOnFreshness(fine)).to.deep.equal({ kind: "none", expectedSeconds: 64 });
    expect(freshnessHint(fine)).to.match(/^No setting has to change: .* up to 64 s old\.$/);
  });

  it("considers that ages are a little above the model's", () => {
    const close = { ...organization({ pages: 1_000, watched: 140 }), watchedP95: 200 };
    expect(findExpectedAge(close, {})).to.be.within(170, 180);
    expect(adviseOnFreshness(close)).to.include({ setting: "RequestsPerMinute", suggested: 80 });
  });

  it("is unknown before the first pages of the list are", () => {
    const pages = { count: 1, isComplete: false, isRefetchable: true };
    expect(adviseOnFreshness({ ...LARGE, pages })).to.equal(null);
    expect(freshnessHint({ ...LARGE, pages })).to.equal(null);
  });

  it("names the setting, its value, the one to set and the age to expect", () => {
    expect(freshnessHint({ ...LARGE, watchedP95: 379 })).to.equal(
      "Set WebexPresence.RequestsPerMinute to 140 (now 60), if Webex allows it: their records are " +
        "then expected to be up to 163 s old (300 watched users, and 1000 pages in the user list).",
    );
    const limited = freshnessHint({ ...LARGE, observedLimit: 60, watchedP95: 379 });
    expect(limited).to.include("accepts about 60 requests per minute");
    expect(limited).to.include("Watch at most about 129 users");
    expect(limited).to.include("StaleAfterSeconds to 420 (now 180)");
  });

  const inputs = fc
    .record({
      pages: fc.integer({ min: 1, max: 2_000 }),
      watched: fc.integer({ min: 1, max: 5_000 }),
      isRefetchable: fc.boolean(),
      pollIntervalSeconds: fc.integer({ min: 5, max: 3_600 }),
      requestsPerMinute: fc.integer({ min: 1, max: 600 }),
      staleAfterSeconds: fc.integer({ min: 30, max: 86_400 }),
      observedLimit: fc.option(fc.integer({ min: 1, max: 599 })),
      page: fc.integer({ min: 0, max: 5_000 }),
      lookup: fc.integer({ min: 0, max: 2_000 }),
      watchedP95: fc.integer({ min: 31, max: 100_000 }),
    })
    .map(({ pages, watched, isRefetchable, page, lookup, watchedP95, ...rest }) => {
      const { observedLimit, ...settings } = rest;
      const limit = Math.min(observedLimit ?? 600, settings.requestsPerMinute - 1);
      const isLimited = observedLimit !== null && limit > 0;
      return {
        ...withSettings(organization({ pages, watched, isRefetchable }), settings),
        requestsPerMinute: isLimited ? limit : settings.requestsPerMinute,
        observedLimit: isLimited ? limit : null,
        requestDurationMs: { page, lookup },
        watchedP95,
      };
    });

  it("keeps the model's 95th percentile within StaleAfterSeconds", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const advice = adviseOnFreshness(input);
        const staleAfter = input.settings.staleAfterSeconds;
        if (advice?.kind === "setting") {
          const { setting, suggested, current } = advice;
          const expected = findExpectedAge(input, {
            ...(setting === "RequestsPerMinute" && { requestsPerMinute: suggested }),
            ...(setting === "PollIntervalSeconds" && { pollIntervalMs: suggested * 1_000 }),
          });
          const limit = setting === "StaleAfterSeconds" ? suggested : staleAfter;
          if (suggested < 86_400) expect(expected).to.be.at.most(limit);
          expect(suggested).not.to.equal(current);
          if (setting !== "StaleAfterSeconds") {
            expect(advice.expectedSeconds).to.be.at.most(staleAfter);
          }
        } else if (advice?.kind === "limit" && advice.maxWatched > 0) {
          const effectivePersons = advice.maxWatched;
          const demand = { ...input.demand, persons: effectivePersons, effectivePersons };
          const lookups = { count: 1e6, isComplete: true, isRefetchable: false };
          const interval = Math.min(input.pollIntervalMs, 1);
          const change = { demand, pages: lookups, pollIntervalMs: interval };
          expect(findExpectedAge(input, change)).to.be.at.most(staleAfter);
          expect(advice.expectedSeconds).to.be.above(staleAfter);
        } else if (advice?.kind === "none") {
          expect(findExpectedAge(input, {})).to.be.at.most(staleAfter);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("never suggests more requests if Webex's limit is the cause", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        if (input.observedLimit === null) return;
        expect(adviseOnFreshness(input)).not.to.include({ setting: "RequestsPerMinute" });
      }),
      { numRuns: 100 },
    );
  });

  it("does not take the pages read so far for the user list", () => {
    // In the first sweep of an organization that a host watches as a whole.
    const early = organization({ pages: 5, watched: 495 });
    const settings = { ...SETTINGS, requestsPerMinute: 5, staleAfterSeconds: 30 };
    const pages = { ...early.pages, isComplete: false };
    const hint = freshnessHint({ ...early, settings, requestsPerMinute: 5, watchedP95: 35, pages });
    expect(hint).to.equal(null);
  });

  it("names the pages read so far if lookups keep watched persons fresh in a first sweep", () => {
    const pages = { count: 13, isComplete: false, isRefetchable: false };
    const demand = { ...NO_DEMAND, persons: 100, effectivePersons: 100, personsNotOnAnyPage: 0 };
    const expectedPages = 1_000;
    const early = { ...LARGE, demand, pages, expectedPages, watchedP95: 126 };
    const settings = { ...SETTINGS, staleAfterSeconds: 90 };
    expect(freshnessHint({ ...early, settings })).to.match(
      /^Set WebexPresence\.RequestsPerMinute to .* \(100 watched users; the worker has read 13 pages of the user list so far\)\.$/,
    );
  });

  it("does not say that no setting is sufficient while the ages are those of a start", () => {
    // Seen: 135 s after a first sweep, 100 s some minutes later; 80 requests per minute gave 23 s.
    const started = withSettings(organization({ pages: 31, watched: 3_000 }), {
      requestsPerMinute: 20,
      staleAfterSeconds: 30,
    });
    for (const [watchedP95, steadyMs] of [
      [100, 420_000],
      [135, 5_000],
    ] as const) {
      const input = { ...started, requestsPerMinute: 20, watchedP95, steadyMs };
      expect(adviseOnFreshness(input)).to.include({ setting: "RequestsPerMinute" });
    }
  });
});
