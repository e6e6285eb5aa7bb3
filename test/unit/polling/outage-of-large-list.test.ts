import { expect } from "chai";

import type { Fault } from "../../../src/faults/fault.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

const PERSONS = 20_000;
/** One person of so many is followed; the others only fill the pages. */
const GROUP = 50;
const OUTAGE_MS = 15_000;
/** A sweep without failures: 20 pages. */
const SWEEP_MS = 35_000;
const BETWEEN_OUTAGES_MS = 150_000;

/** Sweeps of a list of 20,000 persons, all of whom are watched. */
function createLargeList() {
  const harness = createPollingHarness(120);
  const { clock, people, poller, roster } = harness;
  const observedAt = new Map<string, number>();
  people.respondWithPage = (page) => {
    const [offset, max] =
      page.kind === "first"
        ? [0, page.max]
        : (page.url.split("=")[1]!.split("/").map(Number) as [number, number]);
    const end = Math.min(PERSONS, offset + max);
    const first = Math.ceil(offset / GROUP);
    const count = Math.ceil(end / GROUP) - first;
    const persons = Array.from({ length: count }, (_, i) => person(`p${first + i}`));
    for (const { id } of persons) observedAt.set(id, clock.monotonic());
    const next = end < PERSONS ? `next=${end}/${max}` : null;
    return { items: listedPersons(persons, end - offset - count), next };
  };
  // A page of 1,000 persons takes 1.7 s, as that of the live service.
  people.latencyOf = (name) => 200 + 1.5 * Number(/\d+$/.exec(name)?.[0] ?? 0);
  roster.demandFor = (pages) => ({
    ...NO_DEMAND,
    persons: 2_000,
    effectivePersons: 2_000,
    pageWeights: new Float64Array(pages).fill(1),
    pageNewlyWatched: new Uint32Array(pages),
  });
  poller.apply({ ...SETTINGS, pollIntervalSeconds: 10, requestsPerMinute: 120 });
  const oldest = (): number => clock.monotonic() - Math.min(...observedAt.values());
  return { ...harness, oldest };
}

/** The highest age in the time, in milliseconds. */
async function highestAge(
  { clock, oldest }: ReturnType<typeof createLargeList>,
  ms: number,
): Promise<number> {
  let highest = 0;
  for (let passed = 0; passed < ms; passed += 1_000) {
    await clock.advance(1_000);
    highest = Math.max(highest, oldest());
  }
  return highest;
}

describe("ages in a large list", () => {
  const failures: readonly (readonly [string, () => Fault, number])[] = [
    ["502", () => fault("webexError", 502), 0],
    ["504 after 5 s", () => fault("webexError", 504), 5_000],
    ["503", () => fault("webexError", 503), 0],
    ["silence", () => fault("webexUnreachable"), 20_000],
  ];

  for (const [name, createFault, latencyMs] of failures) {
    it(`are as before one sweep after an outage (${name})`, async () => {
      const list = createLargeList();
      const { clock, people, start } = list;
      await start(60_000);
      const usual = await highestAge(list, 120_000);
      expect(usual).to.be.within(10_000, 25_000);
      const { latencyOf } = people;
      for (let outage = 0; outage < 3; outage += 1) {
        await clock.advance(11_000 * outage);
        people.failRequest = createFault;
        if (latencyMs > 0) people.latencyOf = () => latencyMs;
        await clock.advance(OUTAGE_MS);
        people.failRequest = () => null;
        people.latencyOf = latencyOf;
        const during = await highestAge(list, SWEEP_MS);
        expect(during, `outage ${outage}`).to.be.at.most(usual + OUTAGE_MS + latencyMs + 12_000);
        const afterwards = await highestAge(list, BETWEEN_OUTAGES_MS - SWEEP_MS);
        expect(afterwards, `after outage ${outage}`).to.be.at.most(usual * 1.3);
      }
    });
  }

  it("are read again with smaller pages at once if some pages are too large", async () => {
    const { clock, people, codes, start } = createLargeList();
    await start(60_000);
    people.failRequest = (name) => (/=1\d{4}\/1000$/.test(name) ? fault("webexError", 504) : null);
    const isSmallPage = (name: string): boolean => name.endsWith("/500");
    while (!people.requestNames.some(isSmallPage)) await clock.advance(100);
    expect(people.countRequests((name) => name === "first 500")).to.be.at.least(3);
    await clock.advance(5_000);
    expect(people.requestNames.slice(-3).every(isSmallPage)).to.equal(true);
    expect(codes()).to.deep.equal([]);
  });

  it("stay low while outages follow each other", async () => {
    const list = createLargeList();
    const { clock, people, start } = list;
    await start(180_000);
    let highest = 0;
    for (let outage = 0; outage < 10; outage += 1) {
      people.failRequest = () => fault("webexError", 502);
      await clock.advance(5_000);
      people.failRequest = () => null;
      highest = Math.max(highest, await highestAge(list, 20_000));
    }
    expect(highest).to.be.at.most(60_000);
  });
});
