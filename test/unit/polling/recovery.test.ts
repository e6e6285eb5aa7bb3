import { expect } from "chai";

import type { Fault } from "../../../src/faults/fault.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

type PollingHarness = ReturnType<typeof createPollingHarness>;

/** Lets Webex fail for a while, and returns how long the first answer afterwards takes. */
async function recover(
  { clock, people }: PollingHarness,
  failure: Fault,
  outageMs: number,
): Promise<number> {
  people.failRequest = () => failure;
  await clock.advance(outageMs);
  people.failRequest = () => null;
  const endedAt = clock.monotonic();
  const { length } = people.requests;
  while (people.requests.length === length) await clock.advance(100);
  return clock.monotonic() - endedAt;
}

describe("recovery from a failing Webex", () => {
  const passing = [
    fault("webexUnreachable"),
    fault("webexError", 500),
    fault("webexError", 503),
    fault("webexError", 504),
    fault("keychainLocked"),
    fault("cancelled"),
  ];

  it("takes one poll interval at most, however long Webex has failed", async () => {
    for (const failure of passing) {
      for (const pollIntervalSeconds of [5, 20, 60]) {
        const harness = createPollingHarness();
        harness.poller.apply({ ...SETTINGS, pollIntervalSeconds });
        await harness.start(10_000);
        for (const outageMs of [3_000, 40_000, 333_000, 1_000_000]) {
          const tookMs = await recover(harness, failure, outageMs);
          expect(tookMs, `${failure.code} for ${outageMs} ms`).to.be.at.most(
            pollIntervalSeconds * 1_000 + 100,
          );
        }
        await harness.poller.stop();
      }
    }
  });

  it("takes a minute at most if the interval is longer", async () => {
    const harness = createPollingHarness();
    harness.poller.apply({ ...SETTINGS, pollIntervalSeconds: 3_600 });
    harness.people.failRequest = () => fault("webexUnreachable");
    await harness.start(10_000);
    expect(await recover(harness, fault("webexUnreachable"), 1_000_000)).to.be.at.most(60_100);
  });

  it("sends a failing Webex hardly more than a working one", async () => {
    const count = async (failure: Fault | null): Promise<number> => {
      const { clock, people, start } = createPollingHarness();
      people.failRequest = () => failure;
      await start(60_000);
      people.requests.splice(0);
      await clock.advance(3_600_000);
      return people.requests.length;
    };
    const working = await count(null);
    for (const failure of passing.slice(0, 4))
      expect(await count(failure)).to.be.at.most(working * 1.1);
  });

  it("counts the interval from attempt to attempt, so that slow failures delay nothing", async () => {
    const { clock, people, start } = createPollingHarness();
    people.latencyMs = 15_000;
    people.failRequest = () => fault("webexUnreachable");
    await start(300_000);
    for (const gap of people.gaps) expect(gap).to.be.within(15_500, 20_000);
    people.latencyMs = 30_000;
    await clock.advance(60_000);
    people.requests.splice(0);
    await clock.advance(300_000);
    for (const gap of people.gaps) expect(gap).to.be.within(30_500, 31_000);
  });

  it("is not put off by callers whose requests fail meanwhile", async () => {
    const { clock, people, onDemandPeople, roster, poller, start } = createPollingHarness();
    people.failRequest = () => fault("webexUnreachable");
    onDemandPeople.failRequest = () => fault("webexUnreachable");
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 60 });
    await start(120_000);
    people.requests.splice(0);
    for (let i = 0; i < 300; i += 1) {
      const calledAt = clock.monotonic();
      const address = "x@example.com";
      const asked = { id: null, address, page: null, sentFrom: calledAt, calledAt, outstanding: 1 };
      roster.requestRefresh({ ...asked, waitsUntil: calledAt + 3_000 });
      await clock.advance(1_000);
    }
    expect(onDemandPeople.requests.length).to.be.greaterThan(60);
    expect(people.requests.length).to.be.within(4, 6);
  });

  it("does not leave a watched address out for longer than an interval", async () => {
    const { clock, people, roster, start } = createPollingHarness();
    await start(10_000);
    people.failRequest = (name) => (name.startsWith("lookup") ? fault("webexError", 503) : null);
    roster.watch("a@example.com");
    await clock.advance(1_000);
    expect(people.requestNames).to.include("lookup a@example.com");
    people.failRequest = () => null;
    await clock.advance(20_000);
    expect(roster.lookups).to.deep.equal([{ address: "a@example.com", found: 0 }]);
  });

  it("restores the page size after an outage with the first page", async () => {
    const { clock, people, codes, roster, start } = createPollingHarness();
    people.respondWithPage = (page) =>
      page.kind === "first"
        ? { items: listedPersons([person("a")], page.max - 1), next: "next=1" }
        : { items: listedPersons([person("b")]), next: null };
    await start(10_000);
    expect(roster.completed).to.have.length(1);
    people.failRequest = () => fault("webexError", 502);
    await clock.advance(60_000);
    people.failRequest = () => null;
    people.requests.splice(0);
    await clock.advance(20_500);
    expect(people.requestNames.slice(0, 3)).to.deep.equal(["first 50", "first 1000", "next=1"]);
    expect(codes()).to.deep.equal([]);
  });

  it("keeps the smaller pages if the restored size fails, and does not try it in turn", async () => {
    const { clock, people, roster, start } = createPollingHarness();
    people.respondWithPage = (page) =>
      page.kind === "first"
        ? { items: listedPersons([person("a")], page.max - 1), next: "next=1" }
        : { items: listedPersons([person("b")]), next: null };
    people.failRequest = (name) =>
      /^first (1000|500|250)$/.test(name) ? fault("webexError", 504) : null;
    await start(120_000);
    const large = people.countRequests((name) => name.startsWith("first 1000"));
    expect(large).to.equal(2);
    expect(roster.completed.length).to.be.greaterThan(2);
    people.requests.splice(0);
    await clock.advance(3_600_000);
    const failed = people.countRequests((name) => /^first (1000|500|250)$/.test(name));
    expect(failed).to.be.at.most(20);
  });
});
