import { expect } from "chai";

import { planForFreshness, type Planner } from "../../../src/polling/planner.js";
import type { RefreshRequest } from "../../../src/presence/polled-roster.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { FakeClock, settle } from "../../support/clock-fake.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

const PAGE_MS = 2_000;
const LOOKUP_MS = 200;
const WAIT_MS = 3_000;

/** Ten pages with ten persons each; those of page 3 are called p30 to p39. */
function createOrganization(requestsPerMinute = 60, planner: Planner = planForFreshness) {
  const harness = createPollingHarness(requestsPerMinute, new FakeClock(), planner);
  const { clock, people, onDemandPeople, poller, roster } = harness;
  const pages = Array.from({ length: 10 }, (_, page) =>
    Array.from({ length: 10 }, (_each, i) => person(`p${page}${i}`)),
  );
  for (const api of [people, onDemandPeople]) {
    api.pages = pages;
    api.latencyOf = (name) => (/^(first|next)/.test(name) ? PAGE_MS : LOOKUP_MS);
    api.findPersons = (email) => pages.flat().filter(({ emails }) => emails.includes(email));
    api.findPerson = (id) => {
      const found = pages.flat().find((each) => each.id === id);
      if (found === undefined) throw fault("notFound", 404);
      return found;
    };
  }
  poller.apply({ ...SETTINGS, requestsPerMinute, pollIntervalSeconds: 600 });
  const wanted = (id: string, change: Partial<RefreshRequest> = {}): RefreshRequest => ({
    id,
    address: `${id}@example.com`,
    page: Number(id[1]),
    sentFrom: clock.monotonic() - 100,
    calledAt: clock.monotonic(),
    waitsUntil: clock.monotonic() + WAIT_MS,
    outstanding: 1,
    ...change,
  });
  /** Callers wait for these persons. */
  const ask = (...ids: string[]): void => roster.requestRefresh(...ids.map((id) => wanted(id)));
  return { ...harness, pages, wanted, ask };
}

describe("what callers wait for", () => {
  it("is answered after one lookup while a slow page is read", async () => {
    const { clock, people, onDemandPeople, roster, ask, start } = createOrganization();
    await start(PAGE_MS + 500);
    expect(people.namesInFlight).to.deep.equal(["next=1"]);
    ask("p42");
    await clock.advance(LOOKUP_MS);
    expect(roster.refreshes).to.deep.equal([]);
    expect(onDemandPeople.requestNames).to.deep.equal(["lookup p42@example.com"]);
    expect(people.namesInFlight).to.deep.equal(["next=1"]);
    expect(roster.dismissed).to.deep.equal([]);
  });

  it("is sent once for calls that arrive together, and not at all if none is left", async () => {
    const { clock, onDemandPeople, roster, ask, start } = createOrganization();
    await start(60_000);
    ask("p42");
    roster.refreshes.length = 0;
    await clock.advance(1_000);
    expect(onDemandPeople.requests).to.deep.equal([]);
    ask("p42");
    roster.refreshes.length = 0;
    ask("p43");
    await clock.advance(1_000);
    expect(onDemandPeople.requestNames).to.deep.equal(["lookup p43@example.com"]);
  });

  it("is not requested again by a later call while it is in flight", async () => {
    const { clock, onDemandPeople, roster, ask, start } = createOrganization();
    await start(60_000);
    ask("p42");
    await clock.advance(50);
    roster.refreshes.length = 0;
    ask("p42");
    await clock.advance(1_000);
    expect(onDemandPeople.requests).to.have.length(1);
    expect(roster.refreshes).to.deep.equal([]);
  });

  it("is in flight five times at most, whatever else is", async () => {
    const { clock, people, onDemandPeople, roster, ask, start } = createOrganization(600);
    await start(60_000);
    ask(...Array.from({ length: 10 }, (_, page) => `p${page}0`));
    let max = 0;
    for (let at = 0; at < 1_000; at += 20) {
      max = Math.max(max, people.inFlight + onDemandPeople.inFlight);
      await clock.advance(20);
    }
    expect(max).to.equal(5);
    expect(onDemandPeople.requests).to.have.length(10);
    expect(roster.dismissed).to.deep.equal([]);
  });

  it("waits for no Retry-After that is longer than the callers wait", async () => {
    const { clock, people, onDemandPeople, poller, roster, ask, start } = createOrganization();
    await start(60_000);
    people.failRequest = () => fault("rateLimited", 429, 10_000);
    roster.watch("x@example.com");
    await clock.advance(LOOKUP_MS + 10);
    ask("p42", "p43");
    await settle();
    expect(roster.dismissed).to.have.length(2);
    const { rateLimitedUntil } = poller.report();
    people.failRequest = () => null;
    await clock.advance(8_000);
    ask("p42");
    await clock.advance(WAIT_MS);
    expect(roster.dismissed).to.have.length(2);
    expect(roster.refreshes).to.deep.equal([]);
    expect(onDemandPeople.requests).to.have.length(1);
    const sentAt = clock.now() - clock.monotonic() + onDemandPeople.requests[0]!.at;
    expect(sentAt - Date.parse(rateLimitedUntil!)).to.be.within(0, 1);
  });

  it("begins a pause if it is rejected itself", async () => {
    const { clock, people, onDemandPeople, poller, codes, roster, ask, start } =
      createOrganization();
    await start(60_000);
    onDemandPeople.faults.push(fault("rateLimited", 429, 30_000));
    ask("p42");
    await clock.advance(LOOKUP_MS + 10);
    expect(codes()).to.deep.equal(["rateLimited"]);
    expect(roster.dismissed).to.have.length(1);
    people.requests.length = 0;
    poller.pollNow();
    await clock.advance(29_000);
    expect(people.requests).to.deep.equal([]);
  });

  it("is tried every 2 s while Webex fails, as long as somebody waits", async () => {
    const { clock, onDemandPeople, people, roster, wanted, start } = createOrganization();
    await start(60_000);
    onDemandPeople.failRequest = () => fault("webexUnreachable");
    people.failRequest = () => fault("webexUnreachable");
    roster.requestRefresh(wanted("p42", { waitsUntil: clock.monotonic() + 9_000 }));
    await clock.advance(LOOKUP_MS + 10);
    expect(roster.refreshes).to.have.length(1);
    roster.watch("x@example.com");
    await clock.advance(8_000);
    expect(onDemandPeople.gaps).to.deep.equal([2_000, 2_000, 2_000, 2_000]);
    onDemandPeople.failRequest = () => null;
    await clock.advance(1_000);
    expect(roster.dismissed).to.have.length(1);
    roster.requestRefresh(wanted("p42"));
    await clock.advance(2_000);
    expect(roster.refreshes).to.deep.equal([]);
    expect(roster.dismissed).to.have.length(1);
  });

  it("is dismissed at once while polling is stopped or refused", async () => {
    const { clock, people, onDemandPeople, poller, roster, ask, start } = createOrganization();
    ask("p42");
    await settle();
    expect(roster.dismissed, "before the start").to.have.length(1);
    await start(60_000);
    ask("p42");
    await clock.advance(10);
    await poller.stop();
    expect(onDemandPeople.inFlight).to.equal(0);
    expect(roster.dismissed, "by a stop").to.have.length(2);
    expect(clock.pendingTimers).to.equal(0);
    ask("p42");
    await settle();
    expect(roster.dismissed, "after a stop").to.have.length(3);
    people.failRequest = () => fault("forbidden", 403);
    await start(PAGE_MS);
    expect(poller.isAccepted).to.equal(false);
    onDemandPeople.requests.length = 0;
    ask("p42");
    await settle();
    expect(roster.dismissed, "while refused").to.have.length(4);
    expect(onDemandPeople.requests).to.deep.equal([]);
  });

  it("is dismissed when Webex refuses it, and refuses the organization", async () => {
    const { clock, onDemandPeople, poller, roster, ask, start } = createOrganization();
    await start(60_000);
    onDemandPeople.failRequest = () => fault("forbidden", 403);
    ask("p42", "p53", "p61");
    await clock.advance(LOOKUP_MS + 10);
    expect(poller.isAccepted).to.equal(false);
    expect(roster.refreshes).to.deep.equal([]);
    expect(roster.dismissed).to.have.length(3);
  });

  it("is dismissed as soon as its half of the request rate is used up", async () => {
    const { clock, budget, onDemandPeople, roster, wanted, start } = createOrganization(20);
    await start(10 * 60_000);
    await clock.advance(45_000);
    const used = budget.lastMinute;
    const names = Array.from({ length: 40 }, (_, i) => `s${i}`);
    roster.requestRefresh(...names.map((name) => wanted(name, { id: null, page: null })));
    await clock.advance(700);
    expect(onDemandPeople.requests).to.have.length(10);
    expect(roster.dismissed).to.have.length(30);
    expect(roster.refreshes).to.deep.equal([]);
    expect(budget.lastMinute).to.equal(used + 10);
  });

  it("is requested by id if the address does not find the person", async () => {
    // The planner would confirm them as well.
    const planner: Planner = (input) => planForFreshness({ ...input, confirmation: null });
    const { clock, onDemandPeople, pages, roster, ask, start } = createOrganization(60, planner);
    await start(60_000);
    for (const name of ["p42", "p43"]) {
      const index = pages[4]!.findIndex(({ id }) => id === name);
      const [gone] = pages[4]!.splice(index, 1);
      if (name === "p43") pages[4]!.push({ ...gone!, emails: ["new@example.com"] });
      ask(name);
      await clock.advance(2 * LOOKUP_MS + 10);
      expect(roster.refreshes).to.deep.equal([]);
    }
    expect(roster.dismissed).to.deep.equal([]);
    expect(onDemandPeople.requestNames).to.deep.equal([
      "lookup p42@example.com",
      "person p42",
      "lookup p43@example.com",
      "person p43",
    ]);
    expect(roster.confirmed).to.deep.equal([
      { id: "p42", isGone: true },
      { id: "p43", isGone: false },
    ]);
  });

  it("is requested by id once, also if the planner confirms the person", async () => {
    const { clock, people, onDemandPeople, pages, roster, ask, start } = createOrganization();
    await start(60_000);
    pages[4]!.splice(2, 1);
    ask("p42");
    await clock.advance(1_000);
    expect(roster.refreshes).to.deep.equal([]);
    const names = [...people.requestNames, ...onDemandPeople.requestNames];
    expect(names.filter((name) => name.startsWith("person"))).to.deep.equal(["person p42"]);
  });

  it("is a page if it has several of them, and lookups at once if its link is refused", async () => {
    const { clock, people, onDemandPeople, poller, roster, ask, start } = createOrganization();
    await start(60_000);
    ask("p30", "p31", "p52", "p32");
    await clock.advance(PAGE_MS + 10);
    expect(roster.refreshes).to.deep.equal([]);
    expect(onDemandPeople.requestNames).to.deep.equal(["next=3", "lookup p52@example.com"]);
    expect(poller.report().mode).to.equal("mixed");

    onDemandPeople.requests.length = 0;
    onDemandPeople.latencyOf = () => LOOKUP_MS;
    onDemandPeople.failRequest = (name) => (name === "next=3" ? fault("refused", 400) : null);
    ask("p30", "p31");
    await clock.advance(2 * LOOKUP_MS + 10);
    expect(roster.refreshes).to.deep.equal([]);
    expect(onDemandPeople.requestNames).to.deep.equal([
      "next=3",
      "lookup p30@example.com",
      "lookup p31@example.com",
    ]);
    expect(roster.dismissed).to.deep.equal([]);
    expect(people.requestNames).not.to.include("lookup p30@example.com");
  });

  it("is found by a lookup if the person is not on the page any more", async () => {
    const { clock, onDemandPeople, pages, roster, ask, start } = createOrganization();
    await start(60_000);
    onDemandPeople.latencyOf = () => LOOKUP_MS;
    pages[9]!.push(...pages[3]!.splice(0, 1));
    ask("p30", "p31");
    await clock.advance(2 * LOOKUP_MS + 10);
    expect(roster.refreshes).to.deep.equal([]);
    expect(onDemandPeople.requestNames).to.deep.equal(["next=3", "lookup p30@example.com"]);
  });

  it("is not requested again by the planner just after, and takes nobody's turn", async () => {
    const turns: number[] = [];
    const planner: Planner = (input) => {
      turns.push(input.requestsSinceSweepPage);
      return planForFreshness(input);
    };
    const organization = createOrganization(300, planner);
    const { clock, people, poller, roster, ask, start } = organization;
    const candidate = (id: string) => ({
      ...{ address: `${id}@example.com`, weight: 1, observedAt: 0, isNewlyWatched: true },
    });
    await start(60_000);
    poller.apply({ ...SETTINGS, requestsPerMinute: 300, pollIntervalSeconds: 60 });
    await clock.advance(30_000);
    ask("p42");
    await clock.advance(1_000);
    expect(Math.max(...turns)).to.equal(0);
    people.requests.length = 0;
    roster.demandFor = (pages) => ({
      ...NO_DEMAND,
      ...{ persons: 2, newlyWatched: 2, effectivePersons: 2 },
      pageWeights: new Float64Array(pages),
      pageNewlyWatched: new Uint32Array(pages),
      lookupCandidates: [candidate("p42"), candidate("p43")],
      notOnAnyPage: [candidate("p42"), candidate("p43")],
    });
    roster.watch("x@example.com");
    await clock.advance(2_000);
    expect(people.requestNames).to.include("lookup p43@example.com");
    expect(people.requestNames).not.to.include("lookup p42@example.com");
  });

  it("is had for one person beside a call for a hundred", async () => {
    const { clock, onDemandPeople, roster, wanted, ask, start } = createOrganization(300);
    await start(120_000);
    roster.requestRefresh(
      ...Array.from({ length: 100 }, (_, i) =>
        wanted(`s${i}`, { id: null, page: null, outstanding: 100 }),
      ),
    );
    await clock.advance(100);
    ask("p42");
    const isWaiting = (): boolean => roster.refreshes.some(({ id }) => id === "p42");
    await clock.advance(2 * LOOKUP_MS);
    expect(isWaiting()).to.equal(false);
    expect(onDemandPeople.requests.length).to.be.below(20);
  });

  it("is had although Webex answers no earlier request", async () => {
    const { clock, onDemandPeople, roster, wanted, ask, start } = createOrganization();
    await start(60_000);
    onDemandPeople.latencyOf = () => 20_000;
    const names = Array.from({ length: 5 }, (_, i) => `s${i}`);
    roster.requestRefresh(...names.map((name) => wanted(name, { id: null, page: null })));
    for (let i = 0; i < 10; i += 1) await clock.advance(100);
    expect(onDemandPeople.inFlight).to.equal(5);
    // Their callers give up.
    roster.refreshes.length = 0;
    onDemandPeople.latencyOf = () => LOOKUP_MS;
    ask("p42");
    await clock.advance(999);
    expect(onDemandPeople.requests).to.have.length(5);
    await clock.advance(1 + LOOKUP_MS);
    expect(roster.refreshes).to.deep.equal([]);
    expect(roster.dismissed).to.deep.equal([]);
    // What comes late counts as well.
    await clock.advance(20_000);
    const found = roster.lookups.map(({ address }) => address);
    expect(found).to.include.members(names.map((name) => `${name}@example.com`));
  });

  it("is asked of its own organization alone", async () => {
    const [first, second] = [createOrganization(), createOrganization()];
    await first.start(60_000);
    await second.start(60_000);
    first.ask("p42");
    await first.clock.advance(1_000);
    await second.clock.advance(1_000);
    expect(first.onDemandPeople.requests).to.have.length(1);
    expect(second.onDemandPeople.requests).to.deep.equal([]);
  });
});
