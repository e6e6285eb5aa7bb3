import { expect } from "chai";

import { OrganizationPoller } from "../../../src/polling/organization-poller.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import { NO_JITTER, SeededRandom } from "../../support/clock-fake.js";
import { FakePeopleApi, SETTINGS } from "../../support/polling-harness.js";
import { person, PresenceFixture } from "../../support/presence-fixture.js";

const PAGES = 100;

/** Seconds until the only watched person, who is on the last of 100 pages, has an answer. */
async function secondsToAnswer(pollIntervalSeconds: number): Promise<number> {
  const fixture = new PresenceFixture();
  const { clock, directory, logger, roster } = fixture;
  const budget = new RequestBudget(clock, NO_JITTER, 60);
  const people = new FakePeopleApi(clock, budget);
  people.latencyMs = 300;
  const all = Array.from({ length: PAGES }, (_, number) => person(`few${number}`));
  people.pages = all.map((each) => [each]);
  people.findPersons = (email) => all.filter(({ emails }) => emails.includes(email));
  const poller = new OrganizationPoller({
    ...{ orgId: "org-1", people, roster, budget, clock, logger },
    onDemandPeople: people,
    random: new SeededRandom(7),
    grantedScopes: () => ["spark-admin:people_read", "spark-admin:organizations_read"],
  });
  poller.apply({ ...SETTINGS, pollIntervalSeconds });
  const uri = `few${PAGES - 1}@example.com`;
  directory.subscribe({ uris: [uri] });
  poller.start();
  for (let seconds = 1; seconds <= 300; seconds += 1) {
    await clock.advance(1_000);
    if (fixture.get(uri).observedAt !== null) return seconds;
  }
  return Number.POSITIVE_INFINITY;
}

describe("a single watched person in a large organization, after the start", () => {
  for (const pollIntervalSeconds of [5, 20, 60, 3_600]) {
    it(`has an answer within 5 s (interval ${pollIntervalSeconds} s)`, async () => {
      expect(await secondsToAnswer(pollIntervalSeconds)).to.be.at.most(5);
    });
  }
});
