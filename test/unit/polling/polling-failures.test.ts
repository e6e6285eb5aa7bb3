import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { silenceFault } from "../../../src/platform/http-faults.js";
import { settle } from "../../support/clock-fake.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

describe("polling when Webex refuses the organization", () => {
  const rows: [string, Fault, string][] = [
    ["400 on the unfiltered list", fault("refused", 400), "adminRoleLost"],
    ["403 with all scopes", fault("forbidden", 403), "adminRoleLost"],
    ["401 with a fresh token", fault("unauthorized", 401), "authorizationExpired"],
    ["a rejected grant", fault("grantRefused"), "authorizationExpired"],
    ["no grant", fault("authorizationRequired"), "authorizationRequired"],
    ["no client", fault("clientNotConfigured"), "clientNotConfigured"],
  ];
  for (const [name, refusal, code] of rows) {
    it(`reports ${name} as ${code}, and retries every minute until a page arrives`, async () => {
      const { clock, people, poller, codes, changes, start } = createPollingHarness();
      await start(1_000);
      people.failRequest = () => refusal;
      await clock.advance(23_000);
      expect(codes()).to.deep.equal([code]);
      expect(poller.isAccepted).to.equal(false);
      const requestCount = people.requests.length;
      await clock.advance(300_000);
      expect(people.requests.length - requestCount).to.be.within(4, 6);
      people.failRequest = () => null;
      await clock.advance(67_000);
      expect(codes()).to.deep.equal([]);
      expect(poller.isAccepted).to.equal(true);
      expect(changes).to.deep.equal([[code], []]);
    });
  }

  it("retries an ended authorization within a minute, however long the poll interval is", async () => {
    const { clock, people, poller, start } = createPollingHarness();
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 3_600 });
    people.failRequest = () => fault("grantRefused", 400);
    await start(1_000);
    await clock.advance(600_000);
    expect(people.requests.length).to.be.within(10, 13);
    for (const gap of people.gaps) expect(gap).to.be.at.most(60_000);
    people.failRequest = () => fault("forbidden", 403);
    await clock.advance(60_000);
    const before = people.requests.length;
    await clock.advance(600_000);
    expect(people.requests.length).to.equal(before);
  });

  for (const [name, refusal, code] of rows.slice(0, 4)) {
    it(`retries after ${name} as soon as somebody requests it`, async () => {
      const { clock, people, poller, codes, changes, start } = createPollingHarness();
      people.failRequest = () => refusal;
      await start(10_000);
      expect(people.requests).to.have.length(1);
      const now = clock.now();
      expect(poller.pollNow()).to.deep.equal({ accepted: true, nextPossibleAt: now });
      await settle();
      expect(people.requests).to.have.length(2);
      expect([codes(), poller.isAccepted]).to.deep.equal([[code], false]);
      people.failRequest = () => null;
      expect(poller.pollNow()).to.deep.equal({ accepted: true, nextPossibleAt: now + 2_000 });
      await clock.advance(2_000);
      expect(people.requests).to.have.length(3);
      expect([codes(), poller.isAccepted]).to.deep.equal([[], true]);
      expect(changes).to.deep.equal([[code], []]);
    });
  }

  for (const [name, refusal] of rows.slice(4)) {
    it(`does not retry after ${name} on request, because it cannot succeed`, async () => {
      const { people, poller, start } = createPollingHarness();
      people.failRequest = () => refusal;
      await start(10_000);
      expect(poller.pollNow()).to.deep.equal({ accepted: false, nextPossibleAt: null });
      await settle();
      expect(people.requests).to.have.length(1);
    });
  }

  it("retries every 2 s at most and one at a time, however often it is requested", async () => {
    for (const failure of [fault("grantRefused"), fault("forbidden"), fault("webexUnreachable")]) {
      const { clock, people, poller, start } = createPollingHarness(600);
      people.failRequest = () => failure;
      people.latencyMs = 300;
      await start(1_000);
      people.requests.splice(0);
      for (let i = 0; i < 1_000; i += 1) {
        poller.pollNow();
        expect(people.inFlight).to.be.at.most(1);
        await clock.advance(10);
      }
      expect(people.requests.length).to.be.within(4, 6);
      for (const gap of people.gaps) expect(gap).to.be.at.least(2_000);
    }
  });

  it("retries once more if somebody requests it while a retry is in flight", async () => {
    const { clock, people, poller, codes, start } = createPollingHarness();
    people.failRequest = () => fault("forbidden");
    await start(10_000);
    people.latencyMs = 5_000;
    poller.pollNow();
    await clock.advance(1_000);
    expect(people.inFlight).to.equal(1);
    poller.pollNow();
    await clock.advance(4_500);
    people.failRequest = () => null;
    await clock.advance(5_000);
    expect(codes()).to.deep.equal([]);
  });

  it("reports 403 as scopeMissing with the missing scopes if the grant lacks some", async () => {
    const { people, poller, scopes, start } = createPollingHarness();
    scopes.granted = ["spark-admin:organizations_read"];
    people.failRequest = () => fault("forbidden", 403);
    await start(10);
    const missingScopes = ["spark-admin:people_read"];
    const detail = { status: 403, trackingId: "TRACK_1", missingScopes };
    expect(poller.problems).to.deep.equal([{ code: "scopeMissing", detail }]);
  });

  it("polls immediately with a new grant, and drops the request with the old one", async () => {
    const { clock, people, poller, codes, start } = createPollingHarness();
    people.failRequest = () => fault("grantRefused");
    await start(1_000);
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
  });

  it("reports within one poll that the administrator does not share their status", async () => {
    const { clock, people, poller, codes, start } = createPollingHarness();
    people.pages = [[person("a", null)]];
    people.sharesStatus = false;
    await start(100);
    expect(people.requestNames).to.deep.equal(["first 1000", "me"]);
    expect(codes()).to.deep.equal(["statusSharingOff"]);
    expect(poller.isAccepted).to.equal(true);
    people.pages = [[person("a")]];
    people.sharesStatus = true;
    await clock.advance(23_000);
    expect(codes()).to.deep.equal([]);
  });

  it("reports no problem if the administrator shares, or their record is not accessible", async () => {
    for (const refusal of [null, fault("forbidden", 403), fault("notFound", 404)]) {
      const { people, poller, codes, start } = createPollingHarness();
      people.pages = [[person("a", null)]];
      people.failRequest = (name) => (name === "me" ? refusal : null);
      await start(1_000);
      expect(people.requestNames).to.deep.equal(["first 1000", "me"]);
      expect(codes()).to.deep.equal([]);
      expect(poller.isAccepted).to.equal(true);
    }
  });
});

describe("polling when Webex limits the rate", () => {
  it("waits for Retry-After, reports its end, and resumes at the same page", async () => {
    const { clock, people, poller, codes, roster, start } = createPollingHarness();
    people.pages = [[person("a")], [person("b")], [person("c")]];
    people.faults.push(null, fault("rateLimited", 429, 30_000));
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    await start(100);
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
  });

  it("reports a pause again that has begun before it was stopped", async () => {
    const { clock, people, poller, codes, start } = createPollingHarness();
    people.faults.push(fault("rateLimited", 429, 30_000));
    await start(100);
    const until = poller.report().rateLimitedUntil;
    await poller.stop();
    expect(codes()).to.deep.equal([]);
    await clock.advance(10_000);
    poller.start();
    expect(codes()).to.deep.equal(["rateLimited"]);
    expect(poller.problems[0]?.detail.until).to.equal(until);
    expect(poller.report().rateLimitedUntil).to.equal(until);
    await clock.advance(19_000);
    expect(people.requests).to.have.length(1);
    await clock.advance(3_000);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
    poller.start();
    expect(codes()).to.deep.equal([]);
  });

  it("waits longer each time without Retry-After", async () => {
    const { people, start } = createPollingHarness();
    people.failRequest = () => fault("rateLimited", 429);
    await start(300_000);
    const { gaps } = people;
    const expected = [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000];
    expect(gaps).to.have.length(expected.length);
    gaps.forEach((gap, i) => expect(gap).to.be.within(expected[i]!, expected[i]! * 1.1 + 1));
  });

  it("waits that long whatever the host requests or the network route does meanwhile", async () => {
    const { clock, people, poller, start } = createPollingHarness();
    people.failRequest = () => fault("rateLimited", 429);
    poller.start();
    for (let i = 0; i < 100; i += 1) {
      poller.pollNow();
      poller.routeChanged();
      await clock.advance(500);
    }
    expect(people.gaps).to.have.length(3);
    for (const [i, gap] of people.gaps.entries()) expect(gap).to.be.at.least(5_000 * 2 ** i);
    await start();
  });

  it("begins with 5 s again after a response", async () => {
    const { clock, people, start } = createPollingHarness();
    people.failRequest = () => fault("rateLimited", 429);
    await start(16_600);
    expect(people.requests).to.have.length(3);
    people.failRequest = () => null;
    await clock.advance(60_000);
    people.requests.splice(0);
    people.failRequest = () => fault("rateLimited", 429);
    await clock.advance(30_000);
    expect(people.gaps[0]).to.be.within(5_000, 5_501);
  });

  it("still finds the limit, without a Retry-After, and hardly ever exceeds it", async () => {
    const { clock, people, poller, budget, start } = createPollingHarness(120);
    people.pages = Array.from({ length: 400 }, (_, i) => [person(`p${i}`)]);
    const accepted: number[] = [];
    people.failRequest = () => {
      const now = clock.monotonic();
      if (accepted.filter((at) => at > now - 60_000).length >= 40) return fault("rateLimited", 429);
      accepted.push(now);
      return null;
    };
    await start(10 * 60_000);
    expect(budget.observedLimit).to.be.within(36, 44);
    const before = { ...poller.report().requests };
    await clock.advance(20 * 60_000);
    const { total, rateLimited } = poller.report().requests;
    expect((total - before.total) / 20).to.be.within(34, 40);
    expect(rateLimited - before.rateLimited).to.be.at.most(20);
  });
});

describe("polling when Webex fails", () => {
  it("does not report a single short failure", async () => {
    const { people, changes, start } = createPollingHarness();
    people.faults.push(fault("webexUnreachable"));
    await start(5_000);
    expect(people.requests.length).to.equal(2);
    expect(changes).to.deep.equal([]);
  });

  it("reports the second consecutive failure, and a single one that lasts", async () => {
    const twice = createPollingHarness();
    twice.people.failRequest = () => fault("webexError", 500);
    await twice.start(1_100);
    expect(twice.poller.problems).to.deep.equal([
      {
        code: "webexError",
        detail: { status: 500, trackingId: "TRACK_1", cause: "Set by the test." },
      },
    ]);
    expect(twice.poller.isAccepted).to.equal(true);
    await twice.poller.stop();

    const slow = createPollingHarness();
    slow.people.latencyMs = 30_000;
    slow.people.faults.push(fault("webexUnreachable"));
    await slow.start(30_100);
    expect(slow.codes()).to.deep.equal(["webexUnreachable"]);
    await slow.poller.stop();

    const lasting = createPollingHarness();
    lasting.people.faults.push(fault("webexUnreachable"));
    await lasting.start();
    lasting.people.latencyMs = 60_000;
    await lasting.clock.advance(76_000);
    expect(lasting.changes).to.deep.equal([["webexUnreachable"], []]);
  });

  it("reports a silent server while the request is in flight, until a response arrives", async () => {
    const { clock, people, poller, codes, changes, start } = createPollingHarness();
    people.latencyMs = 15_000;
    await start(10_000);
    const hint = "Check the firewall.";
    poller.reportSilence(new Fault("webexUnreachable", "webex has not responded.", { hint }));
    expect(poller.problems).to.deep.equal([
      {
        code: "webexUnreachable",
        detail: { cause: "webex has not responded.", hint },
      },
    ]);
    expect(people.inFlight).to.equal(1);
    await clock.advance(6_000);
    expect(codes()).to.deep.equal([]);
    expect(changes).to.deep.equal([["webexUnreachable"], []]);
  });

  it("reports a server that stays silent once, however often it is retried", async () => {
    const { people, poller, changes, clock, start } = createPollingHarness();
    const peer = {
      target: "webex",
      proxy: null,
      isProxyReached: false,
      responseStarted: false,
      certificate: null,
      extraCertificates: 0,
    };
    people.latencyMs = 20_000;
    people.failRequest = () => silenceFault(peer, 20_000);
    await start(10_000);
    for (let i = 0; i < 8; i += 1) {
      if (people.inFlight > 0) poller.reportSilence(silenceFault(peer, 20_000));
      await clock.advance(10_000);
    }
    expect(changes).to.deep.equal([["webexUnreachable"]]);
  });

  it("does not report silence that no request of its own waits for", async () => {
    const { clock, people, poller, changes, start } = createPollingHarness();
    const silence = fault("webexUnreachable");
    await start(1_000);
    poller.reportSilence(silence);
    people.latencyMs = 15_000;
    await clock.advance(25_000);
    expect(people.inFlight).to.equal(1);
    await poller.stop();
    poller.reportSilence(silence);
    expect(changes).to.deep.equal([]);
  });

  it("resumes an interrupted sweep at its page, and clears the problem", async () => {
    const { people, poller, changes, roster, start } = createPollingHarness();
    people.pages = [[person("a")], [person("b")]];
    people.faults.push(null, fault("webexUnreachable"), fault("webexUnreachable"));
    await start(4_000);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1", "next=1", "next=1"]);
    expect(changes).to.deep.equal([["webexUnreachable"], []]);
    expect(roster.applied).to.deep.equal([
      { sweep: 1, ids: ["a"] },
      { sweep: 1, ids: ["b"] },
    ]);
    expect(poller.report().lastSweep).to.include({ persons: 2, requests: 4 });
  });

  it("halves the page size on 502 and 504, and restarts the sweep", async () => {
    const { people, codes, roster, start } = createPollingHarness();
    people.pages = [[person("a")], [person("b")]];
    people.faults.push(fault("webexError", 502), null, fault("webexError", 504));
    people.respondWithPage = (page) =>
      page.kind === "first"
        ? { items: listedPersons([person("a")], 499), next: "next=1" }
        : { items: listedPersons([person("b")], 2), next: null };
    await start(4_000);
    const expected = ["first 1000", "first 500", "next=1", "first 250", "next=1"];
    expect(people.requestNames).to.deep.equal(expected);
    // After the failure in the middle, 250 was a trial, and the sweep went on by its link.
    expect(roster.completed).to.deep.equal([2]);
    expect(codes()).to.deep.equal([]);
  });

  it("restarts the sweep when Webex rejects its own link, without reporting a lost role", async () => {
    const { people, codes, roster, start } = createPollingHarness();
    people.pages = [[person("a")], [person("b")]];
    people.faults.push(null, fault("refused", 400));
    await start(100);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1", "first 1000", "next=1"]);
    expect(codes()).to.deep.equal([]);
    expect(roster.completed).to.deep.equal([2]);
  });

  it("abandons a sweep if its link never works, and reports it until a sweep completes", async () => {
    for (const broken of [fault("notFound", 404), fault("webexError", 500)]) {
      const { clock, people, poller, roster, codes, changes, start } = createPollingHarness();
      people.pages = [[person("a")], [person("b")]];
      people.failRequest = (name) => (name === "next=1" ? broken : null);
      poller.apply({ ...SETTINGS, pollIntervalSeconds: 120 });
      await start(60_000);
      expect(codes()).to.deep.equal(["webexError"]);
      expect(poller.problems[0]?.detail.reason).to.be.a("string");
      expect(roster.completed).to.deep.equal([]);
      expect(people.requests.length).to.be.at.most(21);
      await clock.advance(240_000);
      expect(codes()).to.deep.equal(["webexError"]);
      expect(changes).to.deep.equal([["webexError"]]);
      people.failRequest = () => null;
      await clock.advance(140_000);
      expect(poller.problems).to.deep.equal([]);
      expect(roster.completed.length).to.be.greaterThan(0);
    }
  });

  it("does not report other rejections of the list as a lost role", async () => {
    for (const status of [404, 405, 410]) {
      const { people, poller, codes, start } = createPollingHarness();
      people.failRequest = () => fault(status === 404 ? "notFound" : "refused", status);
      await start(1_100);
      expect(codes()).to.deep.equal(["webexError"]);
      expect(poller.isAccepted).to.equal(true);
    }
  });

  it("does not follow empty pages without end", async () => {
    const { people, codes, roster, start } = createPollingHarness();
    let links = 0;
    people.respondWithPage = () => ({ items: [], next: `next=${(links += 1)}` });
    await start(12_000);
    expect(people.requests.length).to.equal(10);
    expect(codes()).to.deep.equal(["webexError"]);
    expect(roster.completed).to.deep.equal([]);
  });

  it("does not follow a loop of links", async () => {
    const { clock, people, codes, roster, start } = createPollingHarness();
    people.respondWithPage = () => ({ items: listedPersons([person("a")]), next: "next=1" });
    await start(1_000);
    expect(people.requestNames).to.deep.equal(["first 1000", "next=1"]);
    expect(codes()).to.deep.equal(["webexError"]);
    expect(roster.completed).to.deep.equal([]);
    expect(roster.known.size).to.equal(1);
    await clock.advance(10_000);
    expect(people.requests.length).to.equal(2);
    await clock.advance(13_000);
    expect(people.requests.length).to.equal(4);
  });

  it("reports an unreachable keychain, and retries at least every 10 s", async () => {
    const { clock, people, codes, start } = createPollingHarness();
    people.failRequest = () => fault("keychainLocked");
    await start(120_000);
    expect(codes()).to.deep.equal(["keychainLocked"]);
    for (const gap of people.gaps) expect(gap).to.be.at.most(10_000);
    people.failRequest = () => null;
    await clock.advance(10_000);
    expect(codes()).to.deep.equal([]);
  });

  it("retries silently after the worker cancelled the request, and survives a defect", async () => {
    const { people, changes, logger, roster, start } = createPollingHarness();
    people.faults.push(fault("cancelled"), new Error("boom") as unknown as Fault);
    await start(10_000);
    expect(changes).to.deep.equal([]);
    expect(roster.completed).to.deep.equal([1]);
    expect(logger.records.filter((r) => r.level === "error").length).to.equal(1);
  });

  it("polls immediately over a new route: pages, deferred lookups, and if refused", async () => {
    const { clock, people, poller, roster, codes, start } = createPollingHarness();
    people.failRequest = () => fault("webexUnreachable");
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    await start(60_000);
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
    roster.watch("unmatched@example.com");
    await clock.advance(5_000);
    people.failRequest = () => null;
    poller.routeChanged();
    await settle();
    expect(roster.lookups).to.deep.equal([{ address: "unmatched@example.com", found: 0 }]);

    people.failRequest = () => fault("forbidden");
    poller.routeChanged();
    await settle();
    expect(poller.isAccepted).to.equal(false);
    people.failRequest = () => null;
    poller.routeChanged();
    await settle();
    expect(poller.isAccepted).to.equal(true);
  });

  it("drops the request on the old route silently, and polls immediately over the new one", async () => {
    const { people, poller, codes, start } = createPollingHarness();
    people.latencyMs = 30_000;
    await start(100);
    poller.routeChanged();
    people.latencyMs = 0;
    await settle();
    expect(people.requestNames.slice(0, 2)).to.deep.equal(["first 1000", "first 1000"]);
    expect(poller.report().lastSweep).to.not.equal(null);
    expect(codes()).to.deep.equal([]);
  });

  it("respects Retry-After, the budget and stop() on a new route as well", async () => {
    const { clock, people, poller, start } = createPollingHarness(5);
    poller.routeChanged();
    people.faults.push(fault("rateLimited", 429, 30_000));
    await start(1_000);
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
  });

  it("retries immediately when a poll is requested during a backoff", async () => {
    const { people, poller, start } = createPollingHarness();
    people.failRequest = () => fault("webexUnreachable");
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    await start(60_000);
    const requestCount = people.requests.length;
    people.failRequest = () => null;
    poller.pollNow();
    await settle();
    expect(people.requests.length).to.equal(requestCount + 1);
  });
});

describe("problems of polling", () => {
  it("include an organization with over 1,000 persons, after a complete sweep", async () => {
    const { clock, poller, roster, start } = createPollingHarness();
    roster.fixedPersonCount = 1_001;
    await start(10);
    expect(poller.problems).to.deep.equal([
      { code: "organizationTooLarge", detail: { persons: 1_001 } },
    ]);
    roster.fixedPersonCount = 1_000;
    await clock.advance(23_000);
    expect(poller.problems).to.deep.equal([]);
  });

  it("include watched persons that are too old, even without responses, by the current setting", async () => {
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
  });

  it("do not include the age of presence beside what causes it", async () => {
    const causes: [Fault, string][] = [
      [fault("forbidden", 403), "adminRoleLost"],
      [fault("grantRefused"), "authorizationExpired"],
      [fault("webexUnreachable"), "webexUnreachable"],
      [fault("webexError", 403), "webexError"],
      [fault("rateLimited", 429, 320_000), "rateLimited"],
      [fault("keychainLocked"), "keychainLocked"],
    ];
    for (const [cause, code] of causes) {
      const { clock, people, roster, codes, changes, start } = createPollingHarness();
      roster.ages = { watchedP50: 10, watchedP95: 181 };
      await start(10_000);
      expect(codes()).to.deep.equal(["freshnessMissed"]);
      people.failRequest = () => cause;
      await clock.advance(300_000);
      expect(codes()).to.deep.equal([code]);
      expect(changes).to.deep.equal([["freshnessMissed"], [code]]);
      people.failRequest = () => null;
      await clock.advance(80_000);
      expect(codes()).to.deep.equal(["freshnessMissed"]);
    }
  });

  it("name the cause of a failure in words and its remedy, in the status and in the log", async () => {
    const { clock, people, poller, changes, logger, start } = createPollingHarness();
    const failWith = (message: string, trackingId: string): void => {
      const details = { hint: `How to mend: ${message}`, trackingId };
      people.failRequest = () => new Fault("webexUnreachable", message, details);
    };
    failWith("The certificate has expired.", "T-1");
    await start(60_000);
    failWith("The certificate has expired.", "T-2");
    await clock.advance(120_000);
    expect(changes).to.have.length(1);
    failWith("The name could not be resolved.", "T-3");
    await clock.advance(120_000);
    expect(changes).to.deep.equal([["webexUnreachable"], ["webexUnreachable"]]);
    expect(poller.problems[0]?.detail).to.deep.include({
      cause: "The name could not be resolved.",
      hint: "How to mend: The name could not be resolved.",
    });
    const [record] = logger.records.filter(({ level }) => level === "warn");
    expect(record?.fields).to.deep.include({
      reason: "The certificate has expired.",
      hint: "How to mend: The certificate has expired.",
    });
  });

  it("are logged once every ten minutes for each cause, and in between only at debug", async () => {
    const { clock, people, logger, start } = createPollingHarness();
    const causes = ["The certificate has expired.", "The name could not be resolved."];
    const warnings = () =>
      logger.records.filter(({ level }) => level === "warn").map(({ fields }) => fields.reason);
    let failures = 0;
    people.failRequest = () => new Fault("webexUnreachable", causes[(failures += 1) % 2] ?? "");
    await start(540_000);
    expect(failures).to.be.greaterThan(8);
    expect(warnings()).to.have.members(causes);
    expect(logger.records.filter(({ fields }) => fields.reason !== undefined)).to.have.length(
      failures,
    );
    await clock.advance(600_000);
    expect(warnings()).to.have.length(4);
  });

  it("of a defect are logged once every ten minutes for each error", async () => {
    const { clock, people, logger, start } = createPollingHarness();
    let failures = 0;
    people.failRequest = () => {
      failures += 1;
      return new Error(`boom ${failures % 2}`) as unknown as Fault;
    };
    await start(1_000);
    await clock.advance(500_000);
    expect(failures).to.be.greaterThan(5);
    expect(logger.records.filter(({ level }) => level === "error")).to.have.length(2);
  });

  it("keep persons and addresses out of the log above debug", async () => {
    const { people, roster, logger, start } = createPollingHarness();
    roster.unanswered = ["secret.person@example.com"];
    people.failRequest = (name) => (name.startsWith("lookup") ? fault("webexError", 500) : null);
    await start(30_000);
    expect(logger.records.length).to.be.greaterThan(1);
    expect(logger.text).not.to.contain("secret.person");
  });
});
