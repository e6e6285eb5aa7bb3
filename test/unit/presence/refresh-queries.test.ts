import { expect } from "chai";

import type { PolledRoster, RefreshRequest } from "../../../src/presence/polled-roster.js";
import type { PresenceRecord } from "../../../src/presence/record.js";
import { listedPersons, NEVER_ABORTED, person, sweep } from "../../support/presence-fixture.js";
import { PresenceFixture } from "../../support/presence-fixture.js";

const ADA = "ada@example.com";
const NOBODY = "x@example.com";

/** Two organizations at most; `ask` is a query with `maxAgeSeconds`. */
class RefreshFixture extends PresenceFixture {
  /** How often `refreshRequested` has been emitted. */
  emitted = 0;

  constructor() {
    super();
    this.roster.events.on("refreshRequested", () => (this.emitted += 1));
  }

  ask(
    uris: string | readonly string[],
    maxAgeSeconds: number,
    maxWaitMs = 3_000,
    signal = NEVER_ABORTED,
  ): Promise<PresenceRecord[]> {
    const answer = this.query(uris, maxAgeSeconds, maxWaitMs, signal);
    expect(answer).to.be.instanceOf(Promise);
    return answer as Promise<PresenceRecord[]>;
  }

  /** Expects a query that asks nothing; returns the reasons of its records. */
  askNothing(uris: string | readonly string[], maxAgeSeconds: number): (string | null)[] {
    const answer = this.query(uris, maxAgeSeconds, 3_000, NEVER_ABORTED);
    expect(answer).to.be.an("array");
    expect(this.requested()).to.deep.equal([]);
    return (answer as PresenceRecord[]).map(({ reason }) => reason);
  }

  query(
    uris: string | readonly string[],
    maxAgeSeconds: number,
    maxWaitMs = 0,
    signal = NEVER_ABORTED,
  ): PresenceRecord[] | Promise<PresenceRecord[]> {
    const all = typeof uris === "string" ? [uris] : uris;
    return this.directory.get(all, maxWaitMs, signal, maxAgeSeconds);
  }

  /** The addresses of the requests, those of persons with their id's presence. */
  requested(roster = this.roster): string[] {
    return roster
      .refreshRequests()
      .map(({ id, address }) => `${id === null ? "address" : "person"} ${String(address)}`);
  }

  get request(): RefreshRequest {
    const requests = this.roster.refreshRequests();
    expect(requests).to.have.length(1);
    return requests[0]!;
  }

  /** Whether a promise is still pending once everything else has settled. */
  async isPending(promise: Promise<unknown>): Promise<boolean> {
    let isPending = true;
    void promise.finally(() => (isPending = false));
    await this.clock.advance(0);
    return isPending;
  }
}

/** With ada and bob, observed at 0; the time is 10 s. */
async function createFixture(): Promise<RefreshFixture> {
  const fixture = new RefreshFixture();
  sweep(fixture.roster, [person("ada"), person("bob")]);
  await fixture.clock.advance(10_000);
  return fixture;
}

const states = (records: readonly PresenceRecord[]): string[] =>
  records.map(({ state, reason }) => reason ?? state);

describe("a query with maxAgeSeconds", function () {
  this.timeout(60_000);

  describe("asks", () => {
    it("in any case if it is 0, and returns what the response says", async () => {
      const fixture = await createFixture();
      fixture.roster.applyLookup(ADA, [person("ada")]);
      const answer = fixture.ask(ADA, 0);
      expect(await fixture.isPending(answer)).to.equal(true);
      await fixture.clock.advance(200);
      fixture.roster.applyLookup(ADA, [person("ada", "call")]);
      const [record] = await answer;
      expect(record).to.include({ state: "onCall", observedAt: "2026-01-01T00:00:10.200Z" });
      expect(fixture.requested()).to.deep.equal([]);
      expect(fixture.clock.pendingTimers).to.equal(1);
    });

    it("for persons confirmed longer ago, and not for others", async () => {
      const fixture = await createFixture();
      expect(fixture.askNothing(ADA, 10)).to.deep.equal([null]);
      void fixture.ask([ADA, "bob@example.com"], 9.9);
      expect(fixture.requested()).to.deep.equal([`person ${ADA}`, "person bob@example.com"]);
    });

    it("for a person whose response was in flight for longer, if that is remembered", async () => {
      const fixture = await createFixture();
      fixture.roster.applyRefetchedPage(0, listedPersons([person("ada")]), 4_000);
      await fixture.clock.advance(500);
      expect(fixture.askNothing(ADA, 6.5)).to.deep.equal([null]);
      const answer = fixture.ask(ADA, 6.4);
      expect(fixture.request.address).to.equal(ADA);
      fixture.roster.applyLookup(ADA, [person("ada", "call")]);
      const [record] = await answer;
      expect(record).to.include({ state: "onCall", observedAt: "2026-01-01T00:00:10.500Z" });
      await fixture.clock.advance(70_000);
      fixture.roster.applyLookup("bob@example.com", [person("bob")]);
      expect(fixture.askNothing(ADA, 70)).to.deep.equal([null]);
    });

    it("for an address whose answer was in flight for longer", async () => {
      const fixture = await createFixture();
      fixture.roster.applyLookup(NOBODY, [], 4_000);
      expect(fixture.askNothing(NOBODY, 10)).to.deep.equal(["notFound"]);
      void fixture.ask(NOBODY, 3);
      expect(fixture.requested()).to.deep.equal([`address ${NOBODY}`]);
    });

    it("counting time during which the machine was suspended", async () => {
      const fixture = await createFixture();
      fixture.clock.suspend(3_600_000);
      void fixture.ask(ADA, 3_600);
      expect(fixture.requested()).to.deep.equal([`person ${ADA}`]);
    });

    it("although a sweep ends that began before the machine was suspended", async () => {
      const fixture = await createFixture();
      const { clock, roster } = fixture;
      const sweepNumber = roster.beginSweep();
      clock.suspend(3_600_000);
      await clock.advance(50);
      void fixture.ask([ADA, NOBODY], 60);
      const requested = [`person ${ADA}`, `address ${NOBODY}`];
      expect(fixture.requested()).to.deep.equal(requested);
      roster.applyPage(sweepNumber, listedPersons([person("bob")]), 1, clock.monotonic());
      roster.completeSweep(sweepNumber);
      expect(fixture.requested()).to.deep.equal(requested);
    });

    it("with id, address and page, and says until when it waits", async () => {
      const fixture = new RefreshFixture();
      const number = fixture.roster.beginSweep();
      fixture.roster.applyPage(number, listedPersons([person("ada")]), 4);
      const desk = person("bob", "active", { sipAddresses: ["desk@example.com"] });
      fixture.roster.applyPerson(desk.id, desk);
      await fixture.clock.advance(10_000);
      void fixture.ask([ADA, "desk@example.com", NOBODY], 2, 500);
      const times = { sentFrom: 8_000, calledAt: 10_000, waitsUntil: 10_500, outstanding: 3 };
      expect(fixture.roster.refreshRequests()).to.deep.equal([
        { id: person("ada").id, address: ADA, page: 4, ...times },
        { id: desk.id, address: "bob@example.com", page: null, ...times },
        { id: null, address: NOBODY, page: null, ...times },
      ]);
      expect(fixture.emitted).to.equal(1);
    });

    it("without the page of a person who is not on it any more", async () => {
      const fixture = await createFixture();
      fixture.roster.applyRefetchedPage(0, listedPersons([person("bob")]));
      void fixture.ask(ADA, 5);
      expect(fixture.request.page).to.equal(null);
    });

    it("each organization that is not blocked for an address that matches nobody", async () => {
      const fixture = await createFixture();
      const second = fixture.directory.addOrganization("org-2");
      const third = fixture.directory.addOrganization("org-3");
      fixture.directory.setBlocked("org-3", true);
      const answer = fixture.ask(NOBODY, 5);
      expect(fixture.requested()).to.deep.equal([`address ${NOBODY}`]);
      expect(fixture.requested(second)).to.deep.equal([`address ${NOBODY}`]);
      expect(fixture.requested(third)).to.deep.equal([]);
      fixture.roster.applyLookup(NOBODY, []);
      expect(await fixture.isPending(answer)).to.equal(true);
      second.applyLookup(NOBODY, [person("x", "meeting")]);
      expect(states(await answer)).to.deep.equal(["inMeeting"]);
    });

    it("again about an address if nobody's is the answer, but longer ago", async () => {
      const fixture = await createFixture();
      fixture.roster.applyLookup(NOBODY, []);
      await fixture.clock.advance(2_000);
      expect(fixture.askNothing(NOBODY, 2)).to.deep.equal(["notFound"]);
      const answer = fixture.ask(NOBODY, 1.9);
      fixture.roster.applyLookup(NOBODY, []);
      expect(states(await answer)).to.deep.equal(["notFound"]);
    });

    it("about an address that no sweep has found, by the beginning of the sweep", async () => {
      const fixture = await createFixture();
      const number = fixture.roster.beginSweep();
      await fixture.clock.advance(20_000);
      fixture.roster.applyPage(number, listedPersons([person("bob")]), 0);
      fixture.roster.completeSweep(number);
      expect(fixture.askNothing(NOBODY, 20)).to.deep.equal(["notFound"]);
      const answer = fixture.ask(NOBODY, 19);
      sweep(fixture.roster, [person("bob")]);
      expect(states(await answer)).to.deep.equal(["notFound"]);
    });

    it("about both readings of an address that has two", async () => {
      const fixture = await createFixture();
      void fixture.ask("a%41@example.com", 5);
      expect(fixture.requested()).to.have.length(2);
    });

    it("once for all spellings and duplicates", async () => {
      const fixture = await createFixture();
      const desk = { sipAddresses: ["desk@example.com"] };
      fixture.roster.applyLookup(ADA, [person("ada", "active", desk)]);
      const uris = [ADA, "sip:ADA@example.com", "desk@example.com", ADA, "tel:1"];
      const answer = fixture.ask(uris, 0);
      expect(fixture.requested()).to.deep.equal([`person ${ADA}`]);
      fixture.roster.applyLookup(ADA, [person("ada", "call", desk)]);
      expect(states(await answer)).to.deep.equal([
        ...Array<string>(4).fill("onCall"),
        "invalidUri",
      ]);
    });

    it("nothing where presence cannot be had", async () => {
      const fixture = await createFixture();
      expect(fixture.askNothing("tel:1", 0)).to.deep.equal(["invalidUri"]);
      fixture.directory.setBlocked("org-1", true);
      expect(fixture.askNothing(ADA, 0)).to.deep.equal(["blocked"]);
      fixture.directory.setBlocked("org-1", false);
      for (const condition of ["disabled", "blocked"] as const) {
        fixture.directory.setCondition(condition);
        expect(fixture.askNothing([ADA, NOBODY], 0)).to.deep.equal([condition, condition]);
      }
      fixture.directory.setCondition("polling");
      fixture.directory.stop();
      expect(fixture.askNothing(ADA, 0)).to.deep.equal([null]);
      expect(fixture.emitted).to.equal(0);
    });

    it("once the settings are read, if that is within its wait", async () => {
      const fixture = await createFixture();
      fixture.directory.setCondition("notReady");
      const answer = fixture.ask(ADA, 5);
      expect(fixture.requested()).to.deep.equal([]);
      fixture.directory.setCondition("polling");
      expect(fixture.requested()).to.deep.equal([`person ${ADA}`]);
      fixture.roster.applyLookup(ADA, [person("ada", "call")]);
      expect(states(await answer)).to.deep.equal(["onCall"]);
    });
  });

  describe("is answered", () => {
    it("by the response to a request sent later than the age that it accepts", async () => {
      const fixture = await createFixture();
      const answer = fixture.ask(ADA, 2);
      await fixture.clock.advance(1);
      fixture.roster.applyRefetchedPage(0, listedPersons([person("ada", "meeting")]), 7_999);
      expect(fixture.request.sentFrom).to.equal(8_000);
      expect(await fixture.isPending(answer)).to.equal(true);
      fixture.roster.applyRefetchedPage(0, listedPersons([person("ada", "call")]), 8_000);
      expect(states(await answer)).to.deep.equal(["onCall"]);
    });

    it("by the response to a request in flight that was sent at most 100 ms before", async () => {
      const fixture = await createFixture();
      const answer = fixture.ask(ADA, 0);
      fixture.roster.applyLookup(ADA, [person("ada", "meeting")], 9_899);
      expect(await fixture.isPending(answer)).to.equal(true);
      fixture.roster.applyLookup(ADA, [person("ada", "call")], 9_900);
      expect(states(await answer)).to.deep.equal(["onCall"]);
    });

    it("not by a response that had come before, however recent its request", async () => {
      const fixture = await createFixture();
      fixture.roster.applyLookup(ADA, [person("ada")], 9_990);
      await fixture.clock.advance(1);
      const answer = fixture.ask(ADA, 0);
      fixture.roster.applyLookup("bob@example.com", [person("bob")]);
      expect(await fixture.isPending(answer)).to.equal(true);
    });

    it("by a sweep that began later, or by one of its pages", async () => {
      const fixture = await createFixture();
      const answer = fixture.ask([ADA, NOBODY], 0);
      await fixture.clock.advance(100);
      const number = fixture.roster.beginSweep();
      const sentAt = fixture.clock.monotonic();
      await fixture.clock.advance(400);
      fixture.roster.applyPage(number, listedPersons([person("ada", "call")]), 0, sentAt);
      expect(fixture.requested()).to.deep.equal([`address ${NOBODY}`]);
      fixture.roster.completeSweep(number);
      expect(states(await answer)).to.deep.equal(["onCall", "notFound"]);
    });

    it("notFound after a person turned out to be gone, if each organization says so", async () => {
      const fixture = await createFixture();
      const second = fixture.directory.addOrganization("org-2");
      const answer = fixture.ask(ADA, 0);
      expect(fixture.requested(second)).to.deep.equal([]);
      expect(fixture.roster.applyLookup(ADA, [])).to.deep.equal([person("ada").id]);
      expect(fixture.requested()).to.deep.equal([`person ${ADA}`]);
      fixture.roster.applyPerson(person("ada").id, null);
      expect(fixture.requested()).to.deep.equal([]);
      expect(fixture.requested(second)).to.deep.equal([`address ${ADA}`]);
      second.applyLookup(ADA, []);
      expect(states(await answer)).to.deep.equal(["notFound"]);
    });

    it("with another person who has the address now", async () => {
      const fixture = await createFixture();
      const second = fixture.directory.addOrganization("org-2");
      const answer = fixture.ask(ADA, 0);
      const renamed = person("ada", "active", { userName: "a@example.com", emails: [] });
      fixture.roster.applyPerson(renamed.id, renamed);
      second.applyLookup(ADA, [person("eve", "call", { emails: [ADA] })]);
      const [record] = await answer;
      expect(record).to.include({ state: "onCall", displayName: "eve", orgId: "org-2" });
    });

    it("when the last of its addresses is, with what is known of those given up", async () => {
      const fixture = await createFixture();
      const answer = fixture.ask([ADA, "bob@example.com"], 0);
      fixture.roster.applyLookup(ADA, [person("ada", "call")]);
      expect(await fixture.isPending(answer)).to.equal(true);
      fixture.roster.dismissRefreshRequests([fixture.request]);
      expect(states(await answer)).to.deep.equal(["onCall", "available"]);
    });

    it("when the time is up, with what is known; the response still counts", async () => {
      const fixture = await createFixture();
      const answer = fixture.ask([ADA, NOBODY], 0, 700);
      const [record] = await fixture.clock.until(answer);
      expect(record).to.include({ state: "available", observedAt: "2026-01-01T00:00:00.000Z" });
      expect(fixture.clock.monotonic()).to.equal(10_700);
      expect(fixture.requested()).to.deep.equal([]);
      fixture.roster.applyLookup(ADA, [person("ada", "call")], 10_010);
      expect(fixture.stateOf(ADA)).to.equal("onCall/-");
    });

    it("only when the time is up, and late, if what comes was requested before the call", async () => {
      const fixture = await createFixture();
      const { clock, roster } = fixture;
      const sweepNumber = roster.beginSweep();
      const sentAt = clock.monotonic();
      await clock.advance(10_000);
      const answer = fixture.ask(ADA, 0, 3_000);
      await clock.advance(1_000);
      roster.applyPage(sweepNumber, listedPersons([person("ada", "call")]), 0, sentAt);
      expect(await fixture.isPending(answer)).to.equal(true);
      const [record] = await clock.until(answer);
      expect(clock.monotonic()).to.equal(23_000);
      expect(record).to.include({ state: "onCall", observedAt: "2026-01-01T00:00:21.000Z" });
      expect(roster.onDemandCalls()).to.include({ answeredInTime: 0, late: 1 });
    });

    it("not before the time is up if such a response came, and what it needs is given up", async () => {
      const fixture = await createFixture();
      const { clock, roster } = fixture;
      const sentAt = clock.monotonic();
      await clock.advance(10_000);
      const uris = [ADA, "bob@example.com"];
      const answer = fixture.ask(uris, 0, 3_000);
      const notWaiting = fixture.ask("bob@example.com", 0, 3_000);
      await clock.advance(1_000);
      roster.applyRefetchedPage(0, listedPersons([person("ada", "call")]), sentAt);
      roster.dismissRefreshRequests(roster.refreshRequests());
      expect(fixture.requested()).to.deep.equal([]);
      expect(states(await notWaiting)).to.deep.equal(["available"]);
      expect(await fixture.isPending(answer)).to.equal(true);
      expect(states(await clock.until(answer))).to.deep.equal(["onCall", "available"]);
      expect(clock.monotonic()).to.equal(23_000);
      expect(roster.onDemandCalls()).to.include({ answeredInTime: 0, late: 2 });
    });

    it("when the worker is disabled, blocked or stopped, or an organization removed", async () => {
      const endings: readonly [string, (fixture: RefreshFixture) => void][] = [
        ["disabled", ({ directory }) => directory.setCondition("disabled")],
        ["blocked", ({ directory }) => directory.setBlocked("org-1", true)],
        ["available", ({ directory }) => directory.stop()],
        ["notFound", ({ directory }) => directory.removeOrganization("org-1")],
      ];
      for (const [reason, end] of endings) {
        const fixture = await createFixture();
        sweep(fixture.directory.addOrganization("org-2"), [person("eve")]);
        const answer = fixture.ask(ADA, 5, 5_000);
        end(fixture);
        expect(states(await answer), reason).to.deep.equal([reason]);
        expect(fixture.requested()).to.deep.equal([]);
      }
    });

    it("only after its wait if there is no answer at all, and one is on its way", async () => {
      const fixture = new RefreshFixture();
      const answer = fixture.ask(ADA, 5, 2_000);
      fixture.roster.dismissRefreshRequests([fixture.request]);
      expect(fixture.requested()).to.deep.equal([]);
      await fixture.clock.advance(1_000);
      const number = fixture.roster.beginSweep();
      fixture.roster.applyPage(number, listedPersons([person("ada", "call")]), 0);
      expect(states(await answer)).to.deep.equal(["onCall"]);
    });
  });

  describe("shares a request", () => {
    it("with later calls, which need a later response and wait longer", async () => {
      const fixture = await createFixture();
      const first = fixture.ask(ADA, 5, 1_000);
      await fixture.clock.advance(500);
      const second = fixture.ask(ADA, 0, 2_000);
      expect(fixture.request).to.include({ sentFrom: 10_400, waitsUntil: 12_500 });
      expect(fixture.emitted).to.equal(2);
      fixture.roster.applyLookup(ADA, [person("ada", "meeting")], 10_010);
      expect(states(await first)).to.deep.equal(["inMeeting"]);
      expect(await fixture.isPending(second)).to.equal(true);
      fixture.roster.applyLookup(ADA, [person("ada", "call")], 10_400);
      expect(states(await second)).to.deep.equal(["onCall"]);
    });

    it("with later calls that accept an older response and wait less", async () => {
      const fixture = await createFixture();
      const first = fixture.ask(ADA, 0, 3_000);
      await fixture.clock.advance(500);
      const second = fixture.ask(ADA, 5, 1_000);
      const times = { sentFrom: 9_900, calledAt: 10_500, waitsUntil: 13_000 };
      expect(fixture.request).to.include(times);
      fixture.roster.applyLookup(ADA, [person("ada", "meeting")], 9_800);
      expect(states(await second)).to.deep.equal(["inMeeting"]);
      expect(await fixture.isPending(first)).to.equal(true);
    });

    it("with what the smallest call still waits for", async () => {
      const fixture = await createFixture();
      void fixture.ask(["bob@example.com", ADA, NOBODY], 0);
      const outstanding = (): number[] =>
        fixture.roster.refreshRequests().map((request) => request.outstanding);
      expect(outstanding()).to.deep.equal([3, 3, 3]);
      void fixture.ask(ADA, 0);
      expect(outstanding()).to.deep.equal([3, 1, 3]);
      fixture.roster.applyLookup(ADA, [person("ada")]);
      expect(outstanding()).to.deep.equal([2, 2]);
    });

    it("in the order of the first calls", async () => {
      const fixture = await createFixture();
      void fixture.ask("bob@example.com", 0);
      void fixture.ask([ADA, "bob@example.com"], 0);
      expect(fixture.requested()).to.deep.equal(["person bob@example.com", `person ${ADA}`]);
    });

    it("until it is cancelled", async () => {
      const fixture = await createFixture();
      const controller = new AbortController();
      const kept = fixture.ask(ADA, 5, 1_000);
      await fixture.clock.advance(500);
      const uris = [ADA, "bob@example.com"];
      const cancelled = fixture.ask(uris, 0, 2_000, controller.signal);
      controller.abort();
      const error: unknown = await cancelled.catch((thrown: unknown) => thrown);
      expect(error).to.have.property("code", "cancelled");
      expect(fixture.request).to.include({ address: ADA, sentFrom: 5_000, waitsUntil: 11_000 });
      fixture.roster.applyLookup(ADA, [person("ada", "call")], 10_100);
      expect(states(await kept)).to.deep.equal(["onCall"]);
      expect(fixture.clock.pendingTimers).to.equal(1);
    });

    it("that is given up for those whom the poller knew of", async () => {
      const fixture = await createFixture();
      const first = fixture.ask(ADA, 5, 1_000);
      const { request } = fixture;
      await fixture.clock.advance(100);
      const second = fixture.ask(ADA, 5, 3_000);
      fixture.roster.dismissRefreshRequests([request]);
      expect(states(await first)).to.deep.equal(["available"]);
      expect(fixture.request).to.include({ waitsUntil: 13_100 });
      fixture.roster.dismissRefreshRequests([fixture.request]);
      expect(states(await second)).to.deep.equal(["available"]);
      // Nothing is given up for good.
      void fixture.ask(ADA, 5);
      expect(fixture.requested()).to.deep.equal([`person ${ADA}`]);
    });

    const joined: [string, [number, number], number, [number, number]][] = [
      ["accepts an older response, but came later", [0, 3_000], 100, [5, 2_900]],
      ["came at the same time, but needs a later response", [5, 3_000], 0, [0, 3_000]],
      ["came at the same time, but waits longer", [0, 1_000], 0, [0, 3_000]],
    ];
    for (const [name, first, delayMs, later] of joined) {
      it(`that is given up without whom the poller did not know of: one who ${name}`, async () => {
        const fixture = await createFixture();
        const dismissed = fixture.ask(ADA, ...first);
        const { request } = fixture;
        await fixture.clock.advance(delayMs);
        const kept = fixture.ask(ADA, ...later);
        fixture.roster.dismissRefreshRequests([request]);
        expect(states(await dismissed)).to.deep.equal(["available"]);
        expect(await fixture.isPending(kept)).to.equal(true);
        fixture.roster.applyLookup(ADA, [person("ada", "call")]);
        expect(states(await kept)).to.deep.equal(["onCall"]);
      });
    }
  });

  it("does not wait with maxWaitMs 0, but keeps the request for 3 s", async () => {
    const fixture = await createFixture();
    const controller = new AbortController();
    expect(fixture.query(ADA, 0, 0, controller.signal)).to.be.an("array");
    controller.abort();
    expect(fixture.request).to.include({ sentFrom: 9_900, waitsUntil: 13_000 });
    await fixture.clock.advance(2_999);
    expect(fixture.requested()).to.have.length(1);
    await fixture.clock.advance(1);
    expect(fixture.requested()).to.deep.equal([]);
    expect(fixture.query(ADA, 0)).to.be.an("array");
    fixture.roster.applyLookup(ADA, [person("ada")]);
    expect(fixture.requested()).to.deep.equal([]);
    expect(fixture.clock.pendingTimers).to.equal(1);
  });

  it("tells subscribers what comes", async () => {
    const fixture = await createFixture();
    fixture.directory.subscribe({ uris: [ADA] });
    const answer = fixture.ask(ADA, 0);
    fixture.roster.applyLookup(ADA, [person("ada", "call")]);
    await answer;
    expect(fixture.drainChanges()).to.deep.equal([`${ADA} onCall/-`]);
  });

  it("asks about 10,000 addresses, and pages answer it", async () => {
    const fixture = new RefreshFixture();
    const names = Array.from({ length: 5_000 }, (_, number) => `p${number}`);
    const pages = Array.from({ length: 50 }, (_, page) =>
      names.slice(page * 100, page * 100 + 100).map((name) => person(name)),
    );
    sweep(fixture.roster, ...pages);
    await fixture.clock.advance(10_000);
    const uris = names.flatMap((name) => [`${name}@example.com`, `sip:${name}@example.com`]);
    const answer = fixture.ask(uris, 0);
    expect(fixture.requested()).to.have.length(5_000);
    const number = fixture.roster.beginSweep();
    for (const [page, persons] of pages.entries()) {
      fixture.roster.applyPage(number, listedPersons(persons), page);
    }
    expect(await answer).to.have.length(10_000);
  });

  describe("beside calls for many addresses", () => {
    const uris = (from: number, count: number): string[] =>
      Array.from({ length: count }, (_, number) => `x${from + number}@example.com`);

    it("is served if it is small; a large one gets what is known, and is late", async () => {
      const fixture = await createFixture();
      void fixture.ask(uris(0, 10_000), 0, 500);
      expect(fixture.query(uris(10_000, 8_000), 0)).to.be.an("array");
      expect(fixture.requested()).to.have.length(18_000);
      expect(fixture.query(uris(0, 101), 0, 3_000)).to.be.an("array");
      expect(fixture.query(uris(20_000, 10_000), 0)).to.be.an("array");
      expect(fixture.requested()).to.have.length(18_000);
      expect(fixture.roster.onDemandCalls()).to.deep.equal({
        ...{ lastMinute: 4, answeredInTime: 0, late: 2 },
      });
      const answer = fixture.ask(ADA, 0);
      fixture.roster.applyLookup(ADA, [person("ada", "call")]);
      expect(states(await answer)).to.deep.equal(["onCall"]);
      expect(fixture.roster.onDemandCalls()).to.include({ answeredInTime: 1 });
      // Nor do many small calls exceed the bound.
      for (let from = 0; from < 2_000; from += 100) {
        void fixture.ask(uris(from, 100), 0, 3_000, new AbortController().signal);
      }
      expect(fixture.query(ADA, 0, 3_000)).to.be.an("array");
    });

    it("has room again when those have ended, or as far as they are answered", async () => {
      const fixture = await createFixture();
      const controller = new AbortController();
      const first = fixture.ask(uris(0, 9_000), 0, 500);
      const second = fixture.ask(uris(9_000, 9_000), 0, 3_000, controller.signal);
      expect(fixture.query([...uris(0, 100), ADA], 0, 3_000)).to.be.an("array");
      await fixture.clock.until(first);
      const third = fixture.ask([...uris(0, 8_999), ADA], 0);
      for (const address of uris(0, 101)) fixture.roster.applyLookup(address, []);
      void fixture.ask([...uris(0, 100), ADA], 0);
      controller.abort();
      await second.catch(() => undefined);
      void fixture.ask(uris(0, 8_000), 0);
      fixture.directory.setCondition("disabled");
      await third;
      fixture.directory.setCondition("polling");
      void fixture.ask(uris(0, 10_000), 0);
      void fixture.ask(uris(0, 8_000), 0);
    });

    it("counts nothing as late that is fresh enough", async () => {
      const fixture = await createFixture();
      void fixture.ask(uris(0, 10_000), 0);
      fixture.roster.completeSweep(fixture.roster.beginSweep());
      const number = fixture.roster.beginSweep();
      fixture.roster.applyPage(number, listedPersons([person("ada"), person("bob")]), 0);
      fixture.roster.completeSweep(number);
      void fixture.ask(uris(0, 10_000), 0);
      const late = fixture.roster.onDemandCalls();
      expect(fixture.query(uris(0, 10_000), 60, 3_000)).to.be.an("array");
      expect(fixture.roster.onDemandCalls()).to.deep.equal(late);
    });
  });

  it("tells polling of the same requests until something changes", async () => {
    const fixture = await createFixture();
    void fixture.ask([ADA, "bob@example.com"], 5);
    const { roster } = fixture;
    const requests = roster.refreshRequests();
    expect(roster.refreshRequests()).to.equal(requests);
    void fixture.ask(ADA, 0);
    expect(roster.refreshRequests()[0]).to.include({ sentFrom: 9_900 });
    const number = roster.beginSweep();
    roster.applyPage(number, listedPersons([person("bob")]), 3, 9_000);
    expect(roster.refreshRequests()).to.have.length(1);
    roster.dismissRefreshRequests(roster.refreshRequests());
    expect(roster.refreshRequests()).to.deep.equal([]);
  });

  describe("is counted", () => {
    const callsOf = (roster: PolledRoster): number[] => {
      const { lastMinute, answeredInTime, late } = roster.onDemandCalls();
      return [lastMinute, answeredInTime, late];
    };

    it("as answered in time, late or neither, if it had to ask", async () => {
      const fixture = await createFixture();
      const { roster } = fixture;
      fixture.askNothing(ADA, 60);
      fixture.get(ADA);
      expect(callsOf(roster)).to.deep.equal([0, 0, 0]);
      const answered = fixture.ask([ADA, "bob@example.com"], 0);
      expect(callsOf(roster)).to.deep.equal([1, 0, 0]);
      roster.applyRefetchedPage(0, listedPersons([person("ada"), person("bob")]));
      await answered;
      expect(callsOf(roster)).to.deep.equal([1, 1, 0]);
      const controller = new AbortController();
      const cancelled = fixture.ask(ADA, 0, 1_000, controller.signal);
      controller.abort();
      await cancelled.catch(() => undefined);
      expect(callsOf(roster)).to.deep.equal([2, 1, 0]);
      await fixture.clock.until(fixture.ask(ADA, 0, 500));
      expect(callsOf(roster)).to.deep.equal([3, 1, 1]);
      const dismissed = fixture.ask([ADA, "bob@example.com"], 0);
      const [first] = roster.refreshRequests();
      roster.dismissRefreshRequests([first!]);
      roster.applyLookup("bob@example.com", [person("bob")]);
      await dismissed;
      expect(callsOf(roster)).to.deep.equal([4, 1, 2]);
      const disabled = fixture.ask(ADA, 0);
      fixture.directory.setCondition("disabled");
      await disabled;
      expect(callsOf(roster)).to.deep.equal([5, 1, 3]);
    });

    it("once, also if it has to ask for somebody else meanwhile", async () => {
      const fixture = await createFixture();
      const { roster } = fixture;
      const answer = fixture.ask(ADA, 0);
      await fixture.clock.advance(100);
      const renamed = person("ada", "active", { userName: "a@example.com", emails: [] });
      roster.applyRefetchedPage(0, listedPersons([renamed, person("bob")]));
      expect(fixture.requested()).to.deep.equal([`address ${ADA}`]);
      expect(callsOf(roster)).to.deep.equal([1, 0, 0]);
      roster.applyLookup(ADA, [person("eve", "call", { emails: [ADA] })]);
      await answer;
      expect(callsOf(roster)).to.deep.equal([1, 1, 0]);
    });

    it("for the last minute", async () => {
      const fixture = await createFixture();
      void fixture.ask(ADA, 0, 500);
      await fixture.clock.advance(30_000);
      expect(fixture.query(ADA, 0)).to.be.an("array");
      fixture.roster.applyLookup(ADA, [person("ada")]);
      expect(callsOf(fixture.roster)).to.deep.equal([2, 1, 1]);
      await fixture.clock.advance(30_000);
      expect(callsOf(fixture.roster)).to.deep.equal([1, 1, 0]);
      await fixture.clock.advance(30_000);
      expect(callsOf(fixture.roster)).to.deep.equal([0, 0, 0]);
    });

    it("in each organization that it asks", async () => {
      const fixture = await createFixture();
      const second = fixture.directory.addOrganization("org-2");
      const answer = fixture.ask(NOBODY, 0, 500);
      fixture.roster.applyLookup(NOBODY, []);
      await fixture.clock.until(answer);
      expect(callsOf(fixture.roster)).to.deep.equal([1, 1, 0]);
      expect(callsOf(second)).to.deep.equal([1, 0, 1]);
    });
  });
});
