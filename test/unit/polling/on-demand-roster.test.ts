import { expect } from "chai";

import { OrganizationPoller } from "../../../src/polling/organization-poller.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import { NO_JITTER, SeededRandom } from "../../support/clock-fake.js";
import { fault, FakePeopleApi, SETTINGS } from "../../support/polling-harness.js";
import { person, PresenceFixture } from "../../support/presence-fixture.js";

const PAGE_MS = 2_000;
const LOOKUP_MS = 200;

/** A poller with a real roster, in the middle of a slow sweep of ten pages. */
async function createOrganization(requestsPerMinute = 60) {
  const fixture = new PresenceFixture();
  const { clock, directory, logger, roster } = fixture;
  const budget = new RequestBudget(clock, NO_JITTER, requestsPerMinute);
  const people = new FakePeopleApi(clock, budget);
  const onDemandPeople = new FakePeopleApi(clock, budget.limiter("onDemand"));
  const pages = Array.from({ length: 10 }, (_, page) => [person(`a${page}`), person(`b${page}`)]);
  for (const api of [people, onDemandPeople]) {
    api.latencyOf = (name) => (/^(first|next)/.test(name) ? PAGE_MS : LOOKUP_MS);
    api.pages = pages;
    api.findPersons = (email) => pages.flat().filter(({ emails }) => emails.includes(email));
    api.findPerson = (id) => {
      const found = pages.flat().find((each) => each.id === id);
      if (found === undefined) throw fault("notFound", 404);
      return found;
    };
  }
  const poller = new OrganizationPoller({
    ...{ orgId: "org-1", people, onDemandPeople, roster, budget, clock, logger },
    random: new SeededRandom(7),
    grantedScopes: () => ["spark-admin:people_read", "spark-admin:organizations_read"],
  });
  poller.apply({ ...SETTINGS, requestsPerMinute, pollIntervalSeconds: 20 });
  poller.start();
  // Not just when the sweep begins with a page, which would serve a query as well.
  await clock.advance(75_500);
  onDemandPeople.requests.length = 0;
  /** Asks for presence as it is now, and returns the records and how long that took. */
  const ask = async (...names: string[]) => {
    const since = clock.monotonic();
    const uris = names.map((name) => `${name}@example.com`);
    const signal = new AbortController().signal;
    const records = await clock.until(Promise.resolve(directory.get(uris, 3_000, signal, 0)));
    const states = records.map(({ state, reason }) => `${state}/${reason ?? "-"}`);
    return { states, ms: clock.monotonic() - since };
  };
  return { clock, people, onDemandPeople, pages, poller, ask };
}

describe("presence on demand, with a real roster", () => {
  it("is what Webex says now, after one lookup", async () => {
    const { onDemandPeople, pages, ask } = await createOrganization();
    pages[7]![0] = person("a7", "call");
    expect(await ask("a7")).to.deep.equal({ states: ["onCall/-"], ms: LOOKUP_MS });
    expect(onDemandPeople.requests).to.have.length(1);
  });

  it("comes with a page for several, and with lookups if its link is refused", async () => {
    const { clock, onDemandPeople, pages, ask } = await createOrganization();
    pages[7] = [person("a7", "call"), person("b7", "meeting")];
    const states = ["onCall/-", "inMeeting/-"];
    expect(await ask("a7", "b7")).to.deep.equal({ states, ms: PAGE_MS });
    onDemandPeople.latencyOf = () => LOOKUP_MS;
    onDemandPeople.failRequest = (name) => (name.startsWith("next") ? fault("refused", 400) : null);
    await clock.advance(500);
    const { ms } = await ask("a7", "b7");
    expect(ms).to.be.within(2 * LOOKUP_MS, 2 * LOOKUP_MS + 10);
  });

  it("says at once who is gone, and who is nobody", async () => {
    const { pages, ask } = await createOrganization();
    pages[7]!.splice(0, 1);
    expect(await ask("a7")).to.deep.equal({ states: ["unknown/notFound"], ms: 2 * LOOKUP_MS });
    const { states, ms } = await ask("nobody");
    expect(states).to.deep.equal(["unknown/notFound"]);
    expect(ms).to.be.at.most(LOOKUP_MS);
  });

  it("is what is known while Webex limits the rate, without a wait", async () => {
    const { clock, people, ask } = await createOrganization();
    people.failRequest = () => fault("rateLimited", 429, 30_000);
    await clock.advance(PAGE_MS + 1_000);
    const { states, ms } = await ask("a7");
    expect(states).to.deep.equal(["available/-"]);
    expect(ms).to.equal(0);
  });

  it("is what is known after the wait if Webex does not respond", async () => {
    const { clock, people, onDemandPeople, ask } = await createOrganization();
    for (const api of [people, onDemandPeople]) api.latencyOf = () => 60_000;
    await clock.advance(PAGE_MS);
    expect(await ask("a7")).to.deep.equal({ states: ["available/-"], ms: 3_000 });
  });

  it("is asked for some of forty under a limit of 20, and nobody waits for the others", async () => {
    const { clock, onDemandPeople, ask } = await createOrganization(20);
    const names = Array.from({ length: 40 }, (_, i) => `unknown${i}`);
    const { ms } = await ask(...names);
    expect(onDemandPeople.requests.length).to.be.within(2, 10);
    // For the last one, the budget has a place in time.
    const last = onDemandPeople.requests.at(-1)!;
    expect(ms).to.be.at.most(3_000);
    expect(clock.monotonic() - last.at).to.equal(LOOKUP_MS);
  });

  it("is not asked for in vain again and again", async () => {
    const { onDemandPeople, ask } = await createOrganization();
    onDemandPeople.findPersons = () => [];
    onDemandPeople.failRequest = (name) =>
      name.startsWith("person") ? fault("forbidden", 403) : null;
    const { ms } = await ask("a7");
    expect(ms).to.be.at.most(2 * LOOKUP_MS);
    expect(onDemandPeople.requests.length).to.be.at.most(2);
  });
});
