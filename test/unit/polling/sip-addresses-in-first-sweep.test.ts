import { expect } from "chai";

import { OrganizationPoller } from "../../../src/polling/organization-poller.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import { NO_JITTER, SeededRandom } from "../../support/clock-fake.js";
import { FakePeopleApi, SETTINGS } from "../../support/polling-harness.js";
import { person, PresenceFixture } from "../../support/presence-fixture.js";

const MINUTE_MS = 60_000;

/** 100 pages of 10 persons; 50 persons are watched by e-mail address, one by a SIP address. */
function createOrganization() {
  const fixture = new PresenceFixture();
  const { clock, directory, logger, roster } = fixture;
  const budget = new RequestBudget(clock, NO_JITTER, 60);
  const people = new FakePeopleApi(clock, budget);
  people.latencyMs = 100;
  const all = Array.from({ length: 1_000 }, (_, number) =>
    person(`s${number}`, "active", { sipAddresses: [`s${number}@example.calls.webex.com`] }),
  );
  people.pages = Array.from({ length: 100 }, (_, page) => all.slice(page * 10, page * 10 + 10));
  people.findPersons = (email) => all.filter(({ emails }) => emails.includes(email));
  const poller = new OrganizationPoller({
    ...{ orgId: "org-1", people, roster, budget, clock, logger },
    onDemandPeople: people,
    random: new SeededRandom(7),
    grantedScopes: () => ["spark-admin:people_read", "spark-admin:organizations_read"],
  });
  poller.apply(SETTINGS);
  const byEmail = Array.from({ length: 50 }, (_, number) => `s${number * 19 + 45}@example.com`);
  directory.subscribe({ uris: [...byEmail, "s700@example.calls.webex.com"] });
  poller.start();
  return { clock, fixture };
}

describe("a person watched by a SIP address, which no lookup finds", () => {
  it("is not notFound for much longer than a first sweep takes with every second request", async () => {
    const { clock, fixture } = createOrganization();
    await clock.advance(5 * MINUTE_MS);
    expect(fixture.stateOf("s700@example.calls.webex.com")).to.equal("available/-");
  });
});
