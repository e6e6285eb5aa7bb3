import { expect } from "chai";

import type { RpcError } from "../../src/client/client.js";
import { WorkerHarness, type PresenceRecord } from "../support/worker-harness.js";

/** After the first sweep, the worker sends only what somebody asks for. */
const QUIET = { speed: 0, ini: ["WebexPresence.PollIntervalSeconds=3600"] } as const;

const TWO_ORGANIZATIONS = [
  { name: "First", persons: 5, seed: 1 },
  { name: "Second", persons: 6, seed: 2 },
] as const;

describe("e2e: presence at the moment of a decision", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  const person = (index: number, orgIndex = 0): { readonly id: string; readonly uri: string } => {
    const { id, emails } = harness.webex.people(orgIndex)[index]!;
    return { id, uri: emails[0]! };
  };
  const getMany = async (uris: readonly string[], params: object): Promise<PresenceRecord[]> => {
    const result = await harness.host.request("presence/getMany", { uris, ...params });
    return (result as { records: PresenceRecord[] }).records;
  };
  const expectFresh = (record: PresenceRecord, calledAt: number): void => {
    expect(Date.parse(record.observedAt ?? ""), record.uri).to.be.at.least(calledAt);
  };

  it("is the truth of that moment in the middle of a slow page, whose older content changes nothing", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const [ada, bob] = [person(3), person(4)];
    await harness.host.request("presence/subscribe", { uris: [ada.uri, bob.uri] });
    harness.webex.setStatus(bob.uri, "presenting");
    const page = harness.webex.holdNext();
    await harness.host.request("worker/poll", {});
    expect((await page.held).query).to.have.property("max");
    harness.webex.setStatus(ada.uri, "presenting");
    harness.webex.set({ latencyMs: 200 });

    const { record, calledAt, elapsedMs } = await harness.decide(ada.uri);
    expect(record).to.include({ state: "presenting", reason: null });
    expectFresh(record, calledAt);
    expect(elapsedMs).to.be.within(200, 1_000);

    page.release();
    await harness.waitFor("the page", () => harness.changesOf(bob.uri)[0] ?? null);
    expect(await harness.get(ada.uri)).to.include({ state: "presenting" });
    expect(harness.changesOf(ada.uri).map(({ state }) => state)).to.deep.equal(["presenting"]);
  });

  it("asks once for two calls in the same moment, also with two spellings", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { uri } = person(3);
    harness.webex.setStatus(uri, "presenting");
    const mark = harness.webex.mark();
    const decisions = [uri, uri, `sip:${uri.toUpperCase()}`].map((each) => harness.decide(each));
    for (const { record, calledAt } of await Promise.all(decisions)) {
      expect(record).to.include({ state: "presenting" });
      expectFresh(record, calledAt - 100);
    }
    expect(harness.countedRequests(mark)).to.have.length(1);
  });

  it("asks for nothing if the record is young enough, and asks if it is not", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { uri } = person(3);
    const before = await harness.get(uri);
    const mark = harness.webex.mark();
    const { record } = await harness.decide(uri, { maxAgeSeconds: 60 });
    expect(record).to.deep.equal(before);
    expect(harness.countedRequests(mark)).to.deep.equal([]);

    const observedAt = Date.parse(before.observedAt as string);
    await harness.waitFor("an older record", () => Date.now() > observedAt + 1_000 || null);
    const older = await harness.decide(uri, { maxAgeSeconds: 1 });
    expectFresh(older.record, older.calledAt - 1_000);
    expect(harness.countedRequests(mark)).to.have.length(1);
  });

  it("is not asked for by queries and subscriptions without maxAgeSeconds", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { uri } = person(3);
    const mark = harness.webex.mark();
    await harness.get(uri, 500);
    await getMany([uri, person(4).uri], { maxWaitMs: 500 });
    const { records } = (await harness.host.request("presence/subscribe", {
      uris: [uri],
      maxAgeSeconds: 0,
    })) as { records: PresenceRecord[] };
    expect(records.map((record) => record.uri)).to.deep.equal([uri]);
    // Their requests would be ahead of this one.
    await harness.decide(uri);
    expect(harness.countedRequests(mark)).to.have.length(1);
    const { onDemand } = (await harness.status()).organizations[0]!;
    expect(onDemand).to.deep.equal({ lastMinute: 1, answeredInTime: 1, late: 0 });
  });

  it("shows no calls at the start in the status, and speaks both versions of the protocol", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { onDemand } = (await harness.status()).organizations[0]!;
    expect(onDemand).to.deep.equal({ lastMinute: 0, answeredInTime: 0, late: 0 });
    for (const protocolVersion of ["1.1", "1.0"]) {
      const result = await harness.host.request("initialize", { protocolVersion });
      expect(result, protocolVersion).to.include({ protocolVersion: "1.1" });
      await harness.host.shutdown();
      await harness.host.start();
    }
  });

  it("rejects other values of maxAgeSeconds", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { uri } = person(3);
    const mark = harness.webex.mark();
    for (const maxAgeSeconds of [-1, 3601, "5", null]) {
      for (const [method, addresses] of [
        ["presence/get", { uri }],
        ["presence/getMany", { uris: [uri] }],
      ] as const) {
        const error = await harness.host
          .request(method, { ...addresses, maxAgeSeconds })
          .catch((failure: unknown) => failure as RpcError);
        const description = `${method} ${JSON.stringify(maxAgeSeconds)}`;
        expect(error, description).to.include({ code: -32602 });
        const { issues } = (error as RpcError).data as { issues: { path: string }[] };
        expect(issues.map(({ path }) => path)).to.deep.equal(["maxAgeSeconds"]);
      }
    }
    expect(harness.countedRequests(mark)).to.deep.equal([]);
    await harness.decide(uri, { maxAgeSeconds: 3600 });
  });

  it("covers several persons of one call with fewer requests, in the order asked", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const colleagues = Array.from({ length: 10 }, (_, index) => person(index).uri);
    for (const uri of colleagues) harness.webex.setStatus(uri, "presenting");
    const [first = "", second = ""] = colleagues;
    const uris = [...colleagues.reverse(), "nobody@example.com", first, `sip:${second}`, first];
    const mark = harness.webex.mark();
    const calledAt = Date.now();
    const records = await getMany(uris, { maxAgeSeconds: 0, maxWaitMs: 5_000 });
    expect(records.map(({ uri }) => uri)).to.deep.equal(uris);
    for (const record of records) {
      if (record.uri === "nobody@example.com") {
        expect(record).to.include({ state: "unknown", reason: "notFound" });
      } else {
        expect(record, record.uri).to.include({ state: "presenting", reason: null });
        expectFresh(record, calledAt);
      }
    }
    expect(harness.countedRequests(mark)).to.have.length.within(1, 5);
  });

  it("answers in time although Webex does not honor the old link to the page of all of them", async () => {
    harness = await WorkerHarness.startPolling({ ...QUIET, maxPageSize: 10, linkUses: 1 });
    const uris = Array.from({ length: 6 }, (_, index) => person(12 + index).uri);
    for (const uri of uris) harness.webex.setStatus(uri, "presenting");
    harness.webex.set({ latencyMs: 200 });
    const calledAt = Date.now();
    const records = await getMany(uris, { maxAgeSeconds: 0, maxWaitMs: 5_000 });
    expect(Date.now() - calledAt).to.be.lessThan(3_000);
    for (const record of records) {
      expect(record).to.include({ state: "presenting", reason: null });
      expectFresh(record, calledAt);
    }
  });

  it("shows at once who is gone and who has another address", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const [gone, renamed, other] = [person(3), person(4), person(5)];
    const [oldUri, otherOldUri] = [renamed.uri, other.uri];
    for (const { uri } of [gone, renamed, other]) harness.webex.setStatus(uri, "meeting");
    harness.webex.removePerson(gone.uri);
    harness.webex.changeEmails(renamed.id, ["renamed@org1.example"]);
    harness.webex.changeEmails(other.id, ["another.name@org1.example"]);
    const notFound = { state: "unknown", reason: "notFound" };

    expect((await harness.decide(gone.uri)).record).to.include(notFound);
    expect((await harness.decide(oldUri)).record).to.include(notFound);
    const { record, calledAt } = await harness.decide("renamed@org1.example");
    expect(record).to.include({ personId: renamed.id, state: "inMeeting" });
    expectFresh(record, calledAt);
    // The new address first.
    const found = await harness.decide("another.name@org1.example");
    expect(found.record).to.include({ personId: other.id, state: "inMeeting" });
    expect((await harness.decide(otherOldUri)).record).to.include(notFound);
  });

  it("finds persons of a second organization, and asks each organization for an unknown address", async () => {
    harness = await WorkerHarness.startPolling({ ...QUIET, organizations: TWO_ORGANIZATIONS });
    const [, second] = harness.webex.organizations;
    const { uri, id } = person(2, 1);
    harness.webex.setStatus(uri, "presenting");
    const known = await harness.decide(uri);
    expect(known.record).to.include({ state: "presenting", orgId: second!.id, personId: id });
    expectFresh(known.record, known.calledAt);

    const hired = harness.webex.addPerson(1, { email: "hired@second.example", status: "meeting" });
    const found = await harness.decide("hired@second.example");
    expect(found.record).to.include({ state: "inMeeting", orgId: second!.id, personId: hired.id });

    const mark = harness.webex.mark();
    const unknown = await harness.decide("nobody@second.example");
    expect(unknown.record).to.include({ state: "unknown", reason: "notFound" });
    const asked = new Set(harness.countedRequests(mark).map(({ orgId }) => orgId));
    expect([...asked]).to.have.members(harness.webex.organizations.map((each) => each.id));
  });

  it("answers as known when maxWaitMs is over, and what comes later as a change", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { uri } = person(3);
    await harness.host.request("presence/subscribe", { uris: [uri] });
    const known = await harness.get(uri);
    harness.webex.setStatus(uri, "presenting");
    const response = harness.webex.holdNext();
    const { record, elapsedMs } = await harness.decide(uri, { maxWaitMs: 500 });
    expect(record).to.deep.equal(known);
    expect(elapsedMs).to.be.within(490, 900);
    const { onDemand } = (await harness.status()).organizations[0]!;
    expect(onDemand).to.deep.equal({ lastMinute: 1, answeredInTime: 0, late: 1 });
    response.release();
    const change = await harness.waitFor("a change", () => harness.changesOf(uri)[0] ?? null);
    expect(change).to.include({ state: "presenting" });
  });

  it("waits for 3 s without maxWaitMs, and not at all with 0", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const { uri } = person(3);
    await harness.host.request("presence/subscribe", { uris: [uri] });
    const response = harness.webex.holdNext();
    const { elapsedMs } = await harness.decide(uri);
    expect(elapsedMs).to.be.within(2_950, 3_500);
    response.release();

    const known = await harness.get(uri);
    harness.webex.setStatus(uri, "presenting");
    harness.webex.set({ latencyMs: 400 });
    const now = await harness.decide(uri, { maxWaitMs: 0 });
    expect(now.record).to.include({ state: known.state });
    expect(now.elapsedMs).to.be.lessThan(300);
    const change = await harness.waitFor("a change", () => harness.changesOf(uri)[0] ?? null);
    expect(change).to.include({ state: "presenting" });
  });
});
