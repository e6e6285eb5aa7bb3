import { expect } from "chai";

import { OrganizationPoller } from "../../../src/polling/organization-poller.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import { NO_JITTER, SeededRandom } from "../../support/clock-fake.js";
import { fault, FakePeopleApi, SETTINGS } from "../../support/polling-harness.js";
import { person, PresenceFixture } from "../../support/presence-fixture.js";

const MINUTE_MS = 60_000;

/** A poller with a real roster of 45 pages, each of which takes 15 s. */
function createSlowOrganization() {
  const fixture = new PresenceFixture();
  const { clock, directory, logger, roster } = fixture;
  const budget = new RequestBudget(clock, NO_JITTER, 60);
  const people = new FakePeopleApi(clock, budget);
  people.latencyMs = 15_000;
  people.pages = Array.from({ length: 45 }, (_, page) => [person(`p${page}`)]);
  const poller = new OrganizationPoller({
    ...{ orgId: "org-1", people, roster, budget, clock, logger },
    random: new SeededRandom(7),
    grantedScopes: () => ["spark-admin:people_read", "spark-admin:organizations_read"],
  });
  poller.apply(SETTINGS);
  poller.start();
  const watched = Array.from({ length: 100 }, (_, number) => `watched${number}@example.com`);
  directory.subscribe({ uris: watched });
  return { clock, people, poller, codes: () => poller.problems.map(({ code }) => code) };
}

describe("watched addresses that the first sweep has not answered", () => {
  it("are too old when StaleAfterSeconds has passed, and until the sweep ends", async () => {
    const { clock, poller, codes } = createSlowOrganization();
    await clock.advance(170_000);
    expect(codes()).to.deep.equal([]);
    await clock.advance(10 * MINUTE_MS - 170_000);
    const [problem] = poller.problems;
    expect(problem?.code).to.equal("freshnessMissed");
    expect(problem?.detail.watchedP95).to.be.within(590, 600);
    expect(poller.report().ageSeconds).to.deep.equal({ watchedP50: 600, watchedP95: 600 });
    await clock.advance(40 * MINUTE_MS);
    expect(poller.report().lastSweep).not.to.equal(null);
    expect(codes()).to.deep.equal([]);
  });

  it("are no problem of their own while Webex refuses or cannot be reached", async () => {
    for (const [failure, code] of [
      [fault("forbidden", 403), "adminRoleLost"],
      [fault("webexUnreachable"), "webexUnreachable"],
    ] as const) {
      const { clock, people, poller, codes } = createSlowOrganization();
      people.failRequest = () => failure;
      await clock.advance(10 * MINUTE_MS);
      expect(codes()).to.deep.equal([code]);
      expect(poller.report().ageSeconds.watchedP95).to.equal(600);
    }
  });
});
