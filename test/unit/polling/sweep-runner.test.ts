import { expect } from "chai";

import { PageSize } from "../../../src/polling/page-size.js";
import { Sweep } from "../../../src/polling/sweep-runner.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { createPollingHarness, person, SETTINGS } from "../../support/polling-harness.js";

describe("page size", () => {
  const completeSweeps = (size: PageSize, count: number): void => {
    for (let i = 0; i < count; i += 1) size.recordCompletedSweep();
  };

  it("starts at 1000 and is halved down to 50", () => {
    const size = new PageSize();
    const sizes = [size.max];
    while (size.shrink()) sizes.push(size.max);
    expect(sizes).to.deep.equal([1_000, 500, 250, 125, 62, 50]);
    expect(size.shrink()).to.equal(false);
  });

  it("is halved from the size that Webex returns if that is smaller", () => {
    const size = new PageSize();
    size.recordPage(200, true);
    size.recordPage(7, false);
    size.shrink();
    expect(size.max).to.equal(100);
  });

  it("returns to a size that worked before after several complete sweeps", () => {
    const size = new PageSize();
    completeSweeps(size, 1);
    size.shrink();
    size.shrink();
    completeSweeps(size, 2);
    expect(size.max).to.equal(250);
    completeSweeps(size, 1);
    expect(size.max).to.equal(1_000);
  });

  it("is restored with the first page after an outage, once before it is proven", () => {
    const size = new PageSize(400);
    const fail = (times: number): void => {
      for (let i = 0; i < times; i += 1) size.shrink();
    };
    fail(1);
    expect([size.recordPage(200, true), size.max]).to.deep.equal([true, 400]);
    for (let i = 0; i < 3; i += 1) size.recordPage(400, true);
    for (let i = 0; i < 2; i += 1) size.recordRefetchedPage();
    fail(3);
    expect([size.recordPage(50, true), size.max]).to.deep.equal([true, 400]);
    expect([size.recordPage(400, true), size.max]).to.deep.equal([false, 400]);
    fail(3);
    expect([size.recordPage(50, true), size.max]).to.deep.equal([false, 50]);
    completeSweeps(size, 1);
    fail(9);
    expect([size.recordPage(50, true), size.max]).to.deep.equal([true, 400]);
  });

  it("passes on the size that it was grown from if the larger one fails", () => {
    const size = new PageSize(250);
    completeSweeps(size, 3);
    expect([size.max, size.proven]).to.deep.equal([500, 250]);
    size.shrink();
    expect([size.max, size.proven]).to.deep.equal([250, 250]);
  });

  it("passes on no size that worked before but fails again", () => {
    const size = new PageSize(1_000);
    size.shrink();
    size.shrink();
    completeSweeps(size, 3);
    expect([size.max, size.proven]).to.deep.equal([1_000, 1_000]);
    size.shrink();
    expect([size.max, size.proven]).to.deep.equal([500, 250]);
    completeSweeps(size, 1);
    expect(size.proven).to.equal(500);
  });

  it("doubles if no larger size has worked, and more slowly after each failure", () => {
    const size = new PageSize();
    size.shrink();
    size.shrink();
    completeSweeps(size, 3);
    expect(size.max).to.equal(500);
    size.shrink();
    expect(size.max).to.equal(250);
    completeSweeps(size, 5);
    expect(size.max).to.equal(250);
    completeSweeps(size, 1);
    expect(size.max).to.equal(500);
  });
});

describe("sweep", () => {
  /** Records a page and returns the sweep's outcome. */
  function createSweep() {
    const sweep = new Sweep(1, { kind: "first", max: 1_000 }, 0, 0);
    const seen = new Set<string>();
    return (next: string | null, ids: readonly string[], bots = 0) => {
      for (const id of ids) seen.add(id);
      const counts = { persons: ids.length, alreadyOnPage: 0, seenInSweep: seen.size };
      const persons = ids.map((id) => person(id));
      const page = { items: listedPersons(persons, bots), next };
      return sweep.recordPage(page, { ...counts, sharesStatus: true });
    };
  }

  it("follows links on a few empty pages and on pages with only bots", () => {
    const recordPage = createSweep();
    for (let i = 0; i < 500; i += 1) expect(recordPage(`bots=${i}`, [], 50)).to.equal("more");
    for (let i = 0; i < 9; i += 1) expect(recordPage(`empty=${i}`, [])).to.equal("more");
    expect(recordPage("next", ["a"])).to.equal("more");
    for (let i = 0; i < 9; i += 1) expect(recordPage(`more=${i}`, [])).to.equal("more");
    expect(recordPage(null, [])).to.equal("last");
  });

  it("is endless after ten empty pages in a row", () => {
    const recordPage = createSweep();
    for (let i = 0; i < 9; i += 1) expect(recordPage(`empty=${i}`, [])).to.equal("more");
    expect(recordPage("empty", [])).to.equal("endless");
  });

  it("is endless when a link repeats, without new persons, and after ten thousand pages", () => {
    const recordLoop = createSweep();
    expect(recordLoop("x", ["a"])).to.equal("more");
    expect(recordLoop("y", ["b"])).to.equal("more");
    expect(recordLoop("x", ["c"])).to.equal("endless");
    const recordSamePerson = createSweep();
    let pages = 1;
    while (recordSamePerson(`p=${pages}`, ["a"]) === "more") pages += 1;
    expect(pages).to.equal(101);
    const recordNewPerson = createSweep();
    pages = 1;
    while (recordNewPerson(`p=${pages}`, [`id ${pages}`]) === "more") pages += 1;
    expect(pages).to.equal(10_000);
  });
});

describe("sweep of a list that exceeds the limits", () => {
  it("applies what was read, drops nobody, and says once per sweep what was left out", async () => {
    const { clock, people, poller, roster, logger, codes, start } = createPollingHarness();
    const leftOut = { items: 5, values: 7 };
    people.pages = [[person("a")], [person("b")], [person("c")]];
    const respond = people.respondWithPage;
    people.respondWithPage = (page) => ({ ...respond(page), leftOut });
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 60 });
    await start(30_000);
    expect([...roster.known.keys()]).to.deep.equal(["a", "b", "c"]);
    expect(roster.completed).to.deep.equal([]);
    expect(codes()).to.deep.equal(["webexError"]);
    const records = logger.records.filter(({ message }) => message.startsWith("Left out"));
    expect(records.map(({ fields }) => fields)).to.deep.equal([
      { orgId: "org", items: 15, values: 21 },
    ]);
    people.respondWithPage = (page) => ({ ...respond(page), leftOut: { items: 0, values: 1 } });
    await clock.advance(70_000);
    expect(roster.completed).to.have.length(1);
    expect(codes()).to.deep.equal([]);
  });
});
