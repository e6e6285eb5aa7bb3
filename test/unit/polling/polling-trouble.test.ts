import { expect } from "chai";

import type { Fault } from "../../../src/faults/fault.js";
import { settle } from "../../support/clock-fake.js";
import { listed } from "../../support/listed-persons.js";
import { fault, person, createPollingHarness } from "../../support/polling-harness.js";

const SETTINGS = { pollIntervalSeconds: 20, requestsPerMinute: 60, staleAfterSeconds: 180 };

describe("polling when Webex refuses", () => {
  const rows: [string, Fault, string][] = [
    ["400 on the unfiltered list", fault("refused", 400), "adminRoleLost"],
    ["403 with all scopes", fault("forbidden", 403), "adminRoleLost"],
    ["401 with a fresh token", fault("unauthorized", 401), "authorizationExpired"],
    ["a dead grant", fault("grantRefused"), "authorizationExpired"],
    ["no grant", fault("authorizationRequired"), "authorizationRequired"],
    ["no client", fault("clientNotConfigured"), "clientNotConfigured"],
  ];
  for (const [name, refusal, code] of rows) {
    it(`${name} is ${code} at once, asked again about each minute, and over with the next page`, async () => {
      const { clock, people, poller, codes, changes } = createPollingHarness();
      poller.start();
      await clock.advance(1_000);
      people.failRequest = () => refusal;
      await clock.advance(23_000);
      expect(codes()).to.deep.equal([code]);
      expect(poller.isAccepted).to.equal(false);
      expect(poller.pollNow()).to.deep.equal({ accepted: false, nextPossibleAt: null });
      const requestCount = people.requests.length;
      await clock.advance(300_000);
      expect(people.requests.length - requestCount).to.be.within(4, 6);
      people.failRequest = () => null;
      await clock.advance(67_000);
      expect(codes()).to.deep.equal([]);
      expect(poller.isAccepted).to.equal(true);
      expect(changes).to.deep.equal([[code], []]);
      await poller.stop();
    });
  }

  it("403 is scopeMissing where the grant lacks a scope, and says which", async () => {
    const { clock, people, poller, scopes } = createPollingHarness();
    scopes.granted = ["spark-admin:organizations_read"];
    people.failRequest = () => fault("forbidden", 403);
    poller.start();
    await clock.advance(10);
    expect(poller.problems).to.deep.equal([
      {
        code: "scopeMissing",
        detail: { status: 403, trackingId: "TRACK_1", missingScopes: ["spark-admin:people_read"] },
      },
    ]);
    await poller.stop();
  });

  it("asks at once when the grant changed, and drops the request under the old one", async () => {
    const { clock, people, poller, codes } = createPollingHarness();
    people.failRequest = () => fault("grantRefused");
    poller.start();
    await clock.advance(1_000);
    people.failRequest = () => null;
    poller.retryNow();
    expect(poller.isAccepted).to.equal(true);
    await settle();
    expect(codes()).to.deep.equal([]);
    people.latencyMs = 5_000;
    poller.pollNow();
    await clock.advance(100);
    poller.retryNow();
    await clock.advance(10);
    expect(people.inFlight).to.equal(1);
    expect(people.requests.length).to.equal(4);
    await clock.advance(5_000);
    expect(poller.report().sweepProgress).to.equal(null);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("notices within a poll that nobody's status comes because the administrator shares none, and that it is over", async () => {
    const { clock, people, poller, codes } = createPollingHarness();
    people.pages = [[person("a", null)]];
    people.sharesStatus = false;
    poller.start();
    await clock.advance(100);
    expect(people.requestNames).to.deep.equal(["first 1000", "me"]);
    expect(codes()).to.deep.equal(["statusSharingOff"]);
    expect(poller.isAccepted).to.equal(true);
    people.pages = [[person("a")]];
    people.sharesStatus = true;
    await clock.advance(23_000);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("blames nobody where the administrator shares, or the own record cannot be read", async () => {
    for (const refusal of [null, fault("forbidden", 403), fault("notFound", 404)]) {
      const { clock, people, poller, codes } = createPollingHarness();
      people.pages = [[person("a", null)]];
      people.failRequest = (what) => (what === "me" ? refusal : null);
      poller.start();
      await clock.advance(1_000);
      expect(people.requestNames).to.deep.equal(["first 1000", "me"]);
      expect(codes()).to.deep.equal([]);
      expect(poller.isAccepted).to.equal(true);
      await poller.stop();
    }
  });
});

describe("polling when Webex asks for silence", () => {
  it("keeps silent as long as asked, shows until when, and resumes at the same page", async () => {
    const { clock, people, poller, codes, roster } = createPollingHarness();
    people.pages = [[person("a")], [person("b")], [person("c")]];
    people.faults.push(null, fault("rateLimited", 429, 30_000));
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    poller.start();
    await clock.advance(100);
    expect(codes()).to.deep.equal(["rateLimited"]);
    const { rateLimitedUntil, nextRequestAt, requests } = poller.report();
    expect(Date.parse(rateLimitedUntil!) - Date.UTC(2026, 0, 1)).to.be.within(30_000, 31_000);
    expect(nextRequestAt).to.equal(rateLimitedUntil);
    expect(poller.problems[0]?.detail.until).to.equal(rateLimitedUntil);
    expect(requests.rateLimited).to.equal(1);
    expect(poller.pollNow().accepted).to.equal(true);
    await clock.advance(29_800);
    expect(people.requests.length).to.equal(2);
    await clock.advance(1_200);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1", "next=1", "next=2"]);
    expect(roster.completed).to.deep.equal([1]);
    expect(codes()).to.deep.equal([]);
    expect(poller.report().rateLimitedUntil).to.equal(null);
    await poller.stop();
  });

  it("waits longer and longer where Webex does not say how long", async () => {
    const { clock, people, poller } = createPollingHarness();
    people.failRequest = () => fault("rateLimited", 429);
    poller.start();
    await clock.advance(300_000);
    const gaps = people.requests.slice(1).map((a, i) => a.at - people.requests[i]!.at);
    expect(gaps[0]).to.be.within(500, 1_000);
    expect(gaps[3]).to.be.within(4_000, 8_000);
    expect(gaps.at(-1)).to.be.within(30_000, 60_000);
    await poller.stop();
  });
});

describe("polling when Webex fails", () => {
  it("does not mention a single failure", async () => {
    const { clock, people, poller, changes } = createPollingHarness();
    people.faults.push(fault("webexUnreachable"));
    poller.start();
    await clock.advance(5_000);
    expect(people.requests.length).to.equal(2);
    expect(changes).to.deep.equal([]);
    await poller.stop();
  });

  it("shows the second in a row, and one that took long by itself or lasts", async () => {
    const twice = createPollingHarness();
    twice.people.failRequest = () => fault("webexError", 500);
    twice.poller.start();
    await twice.clock.advance(1_100);
    expect(twice.poller.problems).to.deep.equal([
      { code: "webexError", detail: { status: 500, trackingId: "TRACK_1" } },
    ]);
    expect(twice.poller.isAccepted).to.equal(true);
    await twice.poller.stop();

    const slow = createPollingHarness();
    slow.people.latencyMs = 30_000;
    slow.people.faults.push(fault("webexUnreachable"));
    slow.poller.start();
    await slow.clock.advance(30_100);
    expect(slow.codes()).to.deep.equal(["webexUnreachable"]);
    await slow.poller.stop();

    const lasting = createPollingHarness();
    lasting.people.faults.push(fault("webexUnreachable"));
    lasting.poller.start();
    await settle();
    lasting.people.latencyMs = 60_000;
    await lasting.clock.advance(76_000);
    expect(lasting.changes).to.deep.equal([["webexUnreachable"], []]);
    await lasting.poller.stop();
  });

  it("resumes an interrupted sweep at its page, and the problem is over with the next answer", async () => {
    const { clock, people, poller, changes, roster } = createPollingHarness();
    people.pages = [[person("a")], [person("b")]];
    people.faults.push(null, fault("webexUnreachable"), fault("webexUnreachable"));
    poller.start();
    await clock.advance(4_000);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1", "next=1", "next=1"]);
    expect(changes).to.deep.equal([["webexUnreachable"], []]);
    expect(roster.applied).to.deep.equal([
      { sweep: 1, ids: ["a"] },
      { sweep: 1, ids: ["b"] },
    ]);
    expect(poller.report().lastSweep).to.include({ persons: 2, requests: 4 });
    await poller.stop();
  });

  it("halves the page on 502 and 504 and begins the sweep again", async () => {
    const { clock, people, poller, codes, roster } = createPollingHarness();
    people.pages = [[person("a")], [person("b")]];
    people.faults.push(fault("webexError", 502), null, fault("webexError", 504));
    people.respondWithPage = (page) => ({
      items: listed([person(page.kind === "first" ? "a" : "b")], page.kind === "first" ? 499 : 2),
      next: page.kind === "first" ? "next=1" : null,
    });
    poller.start();
    await clock.advance(4_000);
    expect(people.requestNames).to.deep.equal([
      "first 1000",
      "first 500",
      "next=1",
      "first 250",
      "next=1",
    ]);
    expect(roster.completed).to.deep.equal([3]);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("begins again when Webex does not take its own link, which is no lost role", async () => {
    const { clock, people, poller, codes, roster } = createPollingHarness();
    people.pages = [[person("a")], [person("b")]];
    people.faults.push(null, fault("refused", 400));
    poller.start();
    await clock.advance(100);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1", "first 1000", "next=1"]);
    expect(codes()).to.deep.equal([]);
    expect(roster.completed).to.deep.equal([2]);
    await poller.stop();
  });

  it("gives a sweep up whose link never works, says so until one is through, and does not waste the budget", async () => {
    for (const broken of [fault("notFound", 404), fault("webexError", 500)]) {
      const { clock, people, poller, roster, changes } = createPollingHarness();
      people.pages = [[person("a")], [person("b")]];
      people.failRequest = (what) => (what === "next=1" ? broken : null);
      poller.apply({ ...SETTINGS, pollIntervalSeconds: 120 });
      poller.start();
      await clock.advance(60_000);
      expect(poller.problems.map((p) => p.code)).to.deep.equal(["webexError"]);
      expect(poller.problems[0]?.detail.sentence).to.be.a("string");
      expect(roster.completed).to.deep.equal([]);
      expect(people.requests.length).to.be.lessThan(20);
      await clock.advance(240_000);
      expect(poller.problems.map((p) => p.code)).to.deep.equal(["webexError"]);
      expect(changes).to.deep.equal([["webexError"]]);
      people.failRequest = () => null;
      await clock.advance(140_000);
      expect(poller.problems).to.deep.equal([]);
      expect(roster.completed.length).to.be.greaterThan(0);
      await poller.stop();
    }
  });

  it("takes no other refusal of the list for a lost role", async () => {
    for (const status of [404, 405, 410]) {
      const { clock, people, poller, codes } = createPollingHarness();
      people.failRequest = () => fault(status === 404 ? "notFound" : "refused", status);
      poller.start();
      await clock.advance(1_100);
      expect(codes()).to.deep.equal(["webexError"]);
      expect(poller.isAccepted).to.equal(true);
      await poller.stop();
    }
  });

  it("does not run in a circle of links", async () => {
    const { clock, people, poller, codes, roster } = createPollingHarness();
    people.respondWithPage = () => ({ items: listed([person("a")]), next: "next=1" });
    poller.start();
    await clock.advance(1_000);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1"]);
    expect(codes()).to.deep.equal(["webexError"]);
    expect(roster.completed).to.deep.equal([]);
    expect(roster.known.size).to.equal(1);
    await clock.advance(10_000);
    expect(people.requests.length).to.equal(2);
    await clock.advance(13_000);
    expect(people.requests.length).to.equal(4);
    await poller.stop();
  });

  it("shows a keychain out of reach and tries at least every 10 s", async () => {
    const { clock, people, poller, codes } = createPollingHarness();
    people.failRequest = () => fault("keychainLocked");
    poller.start();
    await clock.advance(120_000);
    expect(codes()).to.deep.equal(["keychainLocked"]);
    const gaps = people.requests.slice(1).map((a, i) => a.at - people.requests[i]!.at);
    for (const gap of gaps) expect(gap).to.be.at.most(10_000);
    people.failRequest = () => null;
    await clock.advance(10_000);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("tries again without a word when our own side called the request off, and survives a defect", async () => {
    const { clock, people, poller, changes, logger, roster } = createPollingHarness();
    people.faults.push(fault("cancelled"), new Error("boom") as unknown as Fault);
    poller.start();
    await clock.advance(10_000);
    expect(changes).to.deep.equal([]);
    expect(roster.completed).to.deep.equal([1]);
    expect(logger.records.filter((r) => r.level === "error").length).to.equal(1);
    await poller.stop();
  });

  it("asks at once when the way to Webex changed: the next page, who was set aside, and whom Webex refuses", async () => {
    const { clock, people, poller, roster, codes } = createPollingHarness();
    people.failRequest = () => fault("webexUnreachable");
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    poller.start();
    await clock.advance(60_000);
    const requestCount = people.requests.length;
    poller.routeChanged();
    await settle();
    expect(people.requests.length).to.equal(requestCount + 1);
    expect(codes()).to.deep.equal(["webexUnreachable"]);
    people.failRequest = () => null;
    poller.routeChanged();
    await settle();
    expect(people.requestNames[requestCount + 1]).to.equal("first 1000");
    expect(codes()).to.deep.equal([]);

    people.failRequest = () => fault("webexUnreachable");
    roster.watch("stranger@example.com");
    await clock.advance(5_000);
    people.failRequest = () => null;
    poller.routeChanged();
    await settle();
    expect(roster.lookups).to.deep.equal([{ address: "stranger@example.com", found: 0 }]);

    people.failRequest = () => fault("forbidden");
    poller.routeChanged();
    await settle();
    expect(poller.isAccepted).to.equal(false);
    people.failRequest = () => null;
    poller.routeChanged();
    await settle();
    expect(poller.isAccepted).to.equal(true);
    await poller.stop();
  });

  it("drops what is under way on an old way to Webex without a word, and begins at once on the new one", async () => {
    const { clock, people, poller, codes } = createPollingHarness();
    people.latencyMs = 30_000;
    poller.start();
    await clock.advance(100);
    poller.routeChanged();
    people.latencyMs = 0;
    await settle();
    expect(people.requestNames.slice(0, 2)).to.deep.equal(["first 1000", "first 1000"]);
    expect(poller.report().lastSweep).to.not.equal(null);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("does not ask against Webex's wish on a new way either, nor beyond the budget, nor while stopped", async () => {
    const { clock, people, poller } = createPollingHarness(5);
    poller.routeChanged();
    people.faults.push(fault("rateLimited", 429, 30_000));
    poller.start();
    await clock.advance(1_000);
    for (let i = 0; i < 20; i += 1) {
      poller.routeChanged();
      await clock.advance(1_000);
    }
    expect(people.requests).to.have.length(1);
    await clock.advance(12_000);
    for (let i = 0; i < 25; i += 1) {
      poller.routeChanged();
      await clock.advance(1_000);
    }
    expect(people.requests.length).to.be.within(2, 5);
    await poller.stop();
  });

  it("retries at once when a poll is asked for during a backoff", async () => {
    const { clock, people, poller } = createPollingHarness();
    people.failRequest = () => fault("webexUnreachable");
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    poller.start();
    await clock.advance(60_000);
    const requestCount = people.requests.length;
    people.failRequest = () => null;
    poller.pollNow();
    await settle();
    expect(people.requests.length).to.equal(requestCount + 1);
    await poller.stop();
  });
});

describe("polling's promises", () => {
  it("warns of an organization over 1,000 persons, after a complete sweep", async () => {
    const { clock, poller, roster } = createPollingHarness();
    roster.fixedPersonCount = 1_001;
    poller.start();
    await clock.advance(10);
    expect(poller.problems).to.deep.equal([
      { code: "organizationTooLarge", detail: { persons: 1_001 } },
    ]);
    roster.fixedPersonCount = 1_000;
    await clock.advance(23_000);
    expect(poller.problems).to.deep.equal([]);
    await poller.stop();
  });

  it("says when what is known of the watched grew too old, also while nothing comes, and follows the setting", async () => {
    const { clock, people, poller, roster, codes } = createPollingHarness();
    people.latencyMs = 50_000;
    poller.start();
    roster.ages = { watchedP50: 10, watchedP95: 181 };
    await clock.advance(9_900);
    expect(poller.problems).to.deep.equal([
      { code: "freshnessMissed", detail: { watchedP95: 181, staleAfterSeconds: 180 } },
    ]);
    poller.apply({ ...SETTINGS, staleAfterSeconds: 181 });
    expect(codes()).to.deep.equal([]);
    poller.apply(SETTINGS);
    expect(codes()).to.deep.equal(["freshnessMissed"]);
    roster.ages = { watchedP50: 10, watchedP95: 180 };
    await clock.advance(9_900);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("names no person and no address in its log above debug", async () => {
    const { clock, people, poller, roster, logger } = createPollingHarness();
    roster.unanswered = ["secret.person@example.com"];
    people.failRequest = (what) => (what.startsWith("lookup") ? fault("webexError", 500) : null);
    poller.start();
    await clock.advance(30_000);
    expect(logger.records.length).to.be.greaterThan(1);
    expect(logger.text).not.to.contain("secret.person");
    await poller.stop();
  });
});
