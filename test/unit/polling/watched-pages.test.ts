import { expect } from "chai";

import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { fault, person, createPollingHarness } from "../../support/polling-harness.js";

const SETTINGS = { pollIntervalSeconds: 5, requestsPerMinute: 60, staleAfterSeconds: 180 };

/** Twenty pages, watched persons on the pages named; a sweep alone would take 20 s. */
function largeOrganization(watchedPages: readonly number[]) {
  const harness = createPollingHarness();
  harness.people.pages = Array.from({ length: 20 }, (_, page) => [person(`p${page}`)]);
  harness.roster.demandFor = (pages) => ({
    ...NO_DEMAND,
    persons: watchedPages.length,
    effectivePersons: watchedPages.length,
    pageWeights: Float64Array.from({ length: pages }, (_, page) =>
      watchedPages.includes(page) ? 1 : 0,
    ),
    pageNewlyWatched: new Uint32Array(pages),
    lookupCandidates: watchedPages.map((page) => ({
      address: `p${page}@example.com`,
      weight: 1,
      observedAt: 0,
      isNewlyWatched: false,
    })),
  });
  harness.poller.apply(SETTINGS);
  return harness;
}

describe("pages with watched persons", () => {
  it("are read again by the links that a sweep met, while sweeps go on and count by themselves", async () => {
    const { clock, people, poller, roster } = largeOrganization([3, 12]);
    poller.start();
    await clock.advance(30_000);
    expect(roster.completed.length).to.be.at.least(1);
    const requestCount = people.requests.length;
    await clock.advance(60_000);
    const lately = people.requestNames.slice(requestCount);
    expect(lately.filter((what) => what === "next=3").length).to.be.at.least(9);
    expect(lately.filter((what) => what === "next=12").length).to.be.at.least(9);
    expect(lately.filter((what) => what === "next=7").length).to.be.within(1, 3);
    expect(new Set(roster.refetched.map(({ page }) => page))).to.deep.equal(new Set([3, 12]));
    for (const { ids, page } of roster.refetched) expect(ids).to.deep.equal([`p${page}`]);
    expect(poller.report().mode).to.equal("mixed");
    const sweepsBegun = people.requestNames.filter((what) => what.startsWith("first")).length;
    expect(roster.completed.length).to.be.within(sweepsBegun - 1, sweepsBegun);
    await poller.stop();
  });

  it("give way to lookups where Webex does not take old links, without a word of alarm", async () => {
    const { clock, people, poller, roster, codes } = largeOrganization([3, 12]);
    people.found = (email) => [person(email)];
    const used = new Set<string>();
    let sweepAt = "";
    people.failRequest = (what) => {
      if (what.startsWith("lookup")) return null;
      if (what.startsWith("first")) used.clear();
      const again = used.has(what) && sweepAt !== what;
      used.add(what);
      sweepAt = what;
      return again ? fault("refused", 400) : null;
    };
    poller.start();
    await clock.advance(120_000);
    expect(
      people.requestNames.filter((what) => what === "lookup p3@example.com").length,
    ).to.be.at.least(5);
    expect(roster.refetched.length).to.equal(0);
    expect(roster.completed.length).to.be.at.least(2);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("fail without harm to the sweep under way", async () => {
    const { clock, people, poller, roster, codes } = largeOrganization([3]);
    poller.start();
    await clock.advance(22_000);
    let broken = 0;
    let before = "";
    people.failRequest = (what) => {
      const outOfTurn = what === "next=3" && before !== "next=2";
      before = what;
      return outOfTurn && (broken += 1) < 5 ? fault("webexError", 504) : null;
    };
    await clock.advance(120_000);
    expect(broken).to.be.at.least(5);
    expect(
      people.requestNames
        .filter((what) => what.startsWith("first"))
        .every((what) => what === "first 1000"),
    ).to.equal(true);
    expect(roster.completed.length).to.be.at.least(3);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("of newcomers are asked at once, once for all of them", async () => {
    const { clock, people, poller, roster } = largeOrganization([]);
    poller.start();
    await clock.advance(60_000);
    while (people.requestNames.at(-1) !== "next=15") await clock.advance(100);
    roster.demandFor = (pages) => ({
      ...NO_DEMAND,
      persons: 300,
      newlyWatched: 300,
      effectivePersons: 300,
      pageWeights: Float64Array.from({ length: pages }, (_, page) =>
        page === 4 || page === 5 ? 150 : 0,
      ),
      pageNewlyWatched: Uint32Array.from({ length: pages }, (_, page) =>
        page === 4 || page === 5 ? 150 : 0,
      ),
    });
    people.requests.length = 0;
    const since = clock.monotonic();
    roster.watch("someone@example.com");
    await clock.advance(4_000);
    const again = people.requests.filter(
      ({ name: what }) => what === "next=4" || what === "next=5",
    );
    expect(again.map(({ name: what }) => what).sort()).to.deep.equal(["next=4", "next=5"]);
    for (const { at } of again) expect(at - since).to.be.at.most(3_500);
    await poller.stop();
  });

  it("are too many for the requests: says what would help", async () => {
    const { clock, poller, roster } = largeOrganization([3, 12]);
    poller.start();
    await clock.advance(60_000);
    roster.ages = { watchedP50: 100, watchedP95: 400 };
    await clock.advance(10_000);
    const missed = poller.problems.find(({ code }) => code === "freshnessMissed");
    expect(missed?.detail.remedy).to.match(
      /Raise WebexPresence\.RequestsPerMinute to about 150 .*StaleAfterSeconds to 480/,
    );
    await poller.stop();
  });
});
