import { expect } from "chai";

import type {
  DashboardPerson,
  PeoplePage,
  PeopleQuery,
} from "../../../src/dashboard/dashboard-model.js";
import { PeopleWindow } from "../../../src/dashboard/page/script/people-window.js";

interface Call {
  readonly query: PeopleQuery;
  readonly resolve: (page: PeoplePage) => void;
  readonly reject: (error: Error) => void;
}

describe("the window of people that the dashboard's page holds", () => {
  let calls: Call[];
  let peopleWindow: PeopleWindow;
  let changes: number;

  beforeEach(() => {
    calls = [];
    changes = 0;
    peopleWindow = new PeopleWindow(
      (query) =>
        new Promise((resolve, reject) => {
          calls.push({ query, resolve, reject });
        }),
    );
    peopleWindow.events.on("changed", () => (changes += 1));
  });

  const personAt = (index: number): DashboardPerson => ({
    uri: `${index}@x.example`,
    displayName: null,
    orgId: "x",
    state: "available",
    reason: null,
    webexStatus: "active",
    since: null,
    observedAt: null,
  });
  /** Answers the latest request as a worker that knows `total` people. */
  const answer = async (total = 100_000): Promise<void> => {
    const { query, resolve } = calls.at(-1)!;
    const count = Math.max(0, Math.min(query.limit, total - query.offset));
    const people = Array.from({ length: count }, (_, index) => personAt(query.offset + index));
    resolve({ version: 1, total, matching: total, offset: query.offset, people });
    await Promise.resolve();
  };

  it("asks for nothing while nobody looks", () => {
    peopleWindow.show(0, 30);
    peopleWindow.refresh();
    expect(calls).to.have.lengthOf(0);
    peopleWindow.setActive(true);
    expect(calls).to.have.lengthOf(1);
  });

  it("asks again only near the end of what it holds", async () => {
    peopleWindow.setActive(true);
    await answer();
    peopleWindow.show(0, 30);
    peopleWindow.show(100, 130);
    expect(calls).to.have.lengthOf(1);
    expect(peopleWindow.personAt(130)?.uri).to.equal("130@x.example");
    expect(peopleWindow.personAt(200)).to.equal(null);
    peopleWindow.show(150, 180);
    expect(calls.at(-1)?.query).to.include({ offset: 65, limit: 200 });
    await answer();
    expect(peopleWindow.personAt(200)?.uri).to.equal("200@x.example");
    expect(calls).to.have.lengthOf(2);
  });

  it("reaches the end without asking for ever", async () => {
    peopleWindow.setActive(true);
    await answer(1_000);
    peopleWindow.show(970, 999);
    await answer(1_000);
    expect(peopleWindow.personAt(999)?.uri).to.equal("999@x.example");
    // More rows than the margins leave, as on a very high screen.
    peopleWindow.show(300, 490);
    await answer(1_000);
    await answer(1_000);
    expect(calls).to.have.lengthOf(3);
  });

  it("has one request at a time, and asks for the latest choice after it", async () => {
    peopleWindow.setActive(true);
    for (const search of ["a", "an", "ann"]) peopleWindow.choose({ search });
    expect(calls.map(({ query }) => query.search)).to.deep.equal([""]);
    await answer();
    expect(changes, "a page of an earlier choice is not shown").to.equal(0);
    expect(calls.map(({ query }) => query.search)).to.deep.equal(["", "ann"]);
    await answer(3);
    expect(changes).to.equal(1);
    expect(peopleWindow.counts).to.include({ matching: 3 });
    expect(calls).to.have.lengthOf(2);
  });

  it("asks again when people have changed meanwhile, or when a request has failed", async () => {
    peopleWindow.setActive(true);
    peopleWindow.refresh();
    await answer();
    expect(calls).to.have.lengthOf(2);
    calls.at(-1)!.reject(new Error("The connection is lost."));
    await Promise.resolve();
    await Promise.resolve();
    expect(calls, "not at once").to.have.lengthOf(2);
    peopleWindow.refresh();
    expect(calls).to.have.lengthOf(3);
  });
});
