import { expect } from "chai";

import { describeFlow } from "../../../src/dashboard/dashboard-feed.js";
import type { DashboardEvent, DashboardHistory } from "../../../src/dashboard/dashboard-model.js";
import {
  browserFlow,
  DashboardFixture,
  organizationStatus,
} from "../../support/dashboard-fixture.js";
import type { FakeEventStream } from "../../support/loopback-server-fake.js";

describe("dashboard: events and history", () => {
  let fixture: DashboardFixture;

  beforeEach(async () => {
    fixture = new DashboardFixture();
    await fixture.open();
  });

  /** The events since the last call. */
  const take = (stream: FakeEventStream): DashboardEvent[] =>
    stream.received.splice(0).map((data) => JSON.parse(data) as DashboardEvent);
  const kinds = (stream: FakeEventStream): string[] => take(stream).map(({ kind }) => kind);
  const history = async (): Promise<DashboardHistory> =>
    JSON.parse((await fixture.request("/history")).body) as DashboardHistory;

  it("begin with the present state", async () => {
    fixture.report({ Ann: "active", Bob: "call" });
    const [status, people] = take(await fixture.stream());
    expect(status).to.deep.include({
      kind: "status",
      now: new Date(fixture.clock.now()).toISOString(),
      flow: null,
    });
    expect(people).to.deep.include({ kind: "people", total: 2 });
  });

  it("report a change at once, and at most once a second", async () => {
    const stream = await fixture.stream();
    await fixture.clock.advance(2_500);
    take(stream);
    for (const phase of ["blocked", "disabled"] as const) {
      fixture.phase = phase;
      fixture.statusEvents.emit("statusChanged");
      fixture.authorizationEvents.emit("authorizationsChanged", { authorizations: [], flow: null });
    }
    await fixture.clock.advance(0);
    const [event, ...more] = take(stream);
    expect(event).to.have.nested.property("status.phase", "disabled");
    expect(more).to.deep.equal([]);
    fixture.phase = "polling";
    for (let n = 0; n < 20; n += 1) {
      fixture.statusEvents.emit("statusChanged");
      await fixture.clock.advance(50);
    }
    expect(kinds(stream)).to.deep.equal(["status"]);
  });

  it("report a change of authorizations, and of the open flow, alone", async () => {
    const stream = await fixture.stream();
    await fixture.clock.advance(1_500);
    take(stream);
    fixture.flow = browserFlow("http://localhost:8467/?key=x");
    fixture.authorizationEvents.emit("authorizationsChanged", { authorizations: [], flow: null });
    await fixture.clock.advance(0);
    const [event] = take(stream);
    expect(event).to.deep.include({
      flow: {
        ...{ method: "browser", url: "http://localhost:8467/?key=x", userCode: null },
        expiresAt: "2026-01-01T00:10:00.000Z",
      },
    });
  });

  it("contain no character that changes what a terminal shows", async () => {
    fixture.organizations = [organizationStatus("a", { orgName: "A\u202e\u001b[2J" })];
    const [status] = (await fixture.stream()).received;
    // eslint-disable-next-line no-control-regex -- control characters are what is tested
    expect(status).not.to.match(/[\u0000-\u001f\u202e]/);
  });

  for (const [what, flow, url] of [
    ["the complete address of a device flow", {}, "https://w.example/device?code=1"],
    ["else the one without a code", { verificationUriComplete: null }, "https://w.example/device"],
    ["nothing without an address", { verificationUriComplete: null, verificationUri: null }, null],
    ["nothing without an end", { expiresAt: null }, null],
  ] as const)
    it(`offer of a flow ${what}`, () => {
      const device = {
        ...browserFlow(""),
        ...({ method: "device", url: null, userCode: "1" } as const),
        verificationUri: "https://w.example/device",
        verificationUriComplete: "https://w.example/device?code=1",
      };
      expect(describeFlow({ ...device, ...flow })?.url ?? null).to.equal(url);
    });

  it("refresh counters every 5 s, and say nothing else while nothing changes", async () => {
    const stream = await fixture.stream();
    take(stream);
    await fixture.clock.advance(9_900);
    expect(kinds(stream)).to.deep.equal(["status"]);
  });

  it("say once a second that people have changed", async () => {
    const stream = await fixture.stream();
    take(stream);
    for (let n = 0; n < 10; n += 1) {
      fixture.report({ Ann: n % 2 === 0 ? "active" : "call" });
      await fixture.clock.advance(150);
    }
    expect(kinds(stream)).to.deep.equal(["people"]);
    await fixture.clock.advance(1_000);
    const [people] = take(stream);
    expect(people).to.deep.include({ kind: "people", total: 1 });
    expect(people).to.have.property("version", fixture.presence.directory.peopleVersion);
  });

  it("say it again to a page that got outdated people", async () => {
    fixture.report({ Ann: "active" });
    const stream = await fixture.stream();
    await fixture.clock.advance(900);
    await fixture.request("/people?sort=since");
    fixture.report({ Ann: "call" });
    await fixture.clock.advance(200);
    // Announced, but sorted too recently to be sorted again.
    await fixture.request("/people?sort=since");
    take(stream);
    await fixture.clock.advance(1_000);
    expect(kinds(stream)).to.deep.equal(["people"]);
    await fixture.request("/people?sort=since");
    await fixture.clock.advance(1_000);
    expect(kinds(stream)).to.deep.equal([]);
  });

  it("cost nothing without a page, however often pages come and go", async () => {
    for (let n = 0; n < 3; n += 1) (await fixture.stream()).end();
    await fixture.clock.advance(10_000);
    const before = fixture.clock.pendingTimers;
    let reads = 0;
    const status = fixture.status.bind(fixture);
    fixture.status = () => {
      reads += 1;
      return status();
    };
    fixture.statusEvents.emit("statusChanged");
    await fixture.clock.advance(1_000);
    expect([reads, fixture.clock.pendingTimers]).to.deep.equal([0, before]);
  });

  it("go to each page, and end without a trace", async () => {
    const streams = [await fixture.stream(), await fixture.stream()];
    for (const stream of streams) take(stream);
    await fixture.clock.advance(5_000);
    for (const stream of streams) expect(kinds(stream)).to.deep.equal(["status"]);
    for (const stream of streams) stream.end();
    fixture.statusEvents.emit("statusChanged");
    await fixture.clock.advance(5_000);
    for (const stream of streams) expect(stream.received).to.deep.equal([]);
    await fixture.clock.advance(10_000);
    // The sample of each 10 s, and the file of each minute, are all that goes on.
    expect(fixture.clock.pendingTimers).to.equal(2);
  });

  it("hold one point of the plots for each 10 s of the last hour", async () => {
    const stream = await fixture.stream();
    await fixture.clock.advance(10_000);
    const sample = take(stream).find(({ kind }) => kind === "sample");
    expect((await history()).samples.at(-1)).to.deep.equal((sample as { sample: object }).sample);
    await fixture.clock.advance(3_600_000);
    const { intervalSeconds, samples } = await history();
    expect(intervalSeconds).to.equal(10);
    expect(samples).to.have.length(360);
    expect(samples.at(-1)!.at - samples[0]!.at).to.equal(3_590);
  });

  it("have no point later than the last one, when the system's time was wrong", async () => {
    await fixture.clock.advance(60_000);
    fixture.clock.jumpWall(-30_000);
    await fixture.clock.advance(10_000);
    const times = (await history()).samples.map(({ at }) => at);
    expect(times).to.have.length(5);
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
  });

  it("count the 429s and changes of the last minute, and show the worst organization", async () => {
    const counts = { perMinuteLimit: 60, lastMinute: 4, total: 9, failed: 0 };
    const ageSeconds = { watchedP50: 20, watchedP95: null };
    fixture.organizations = [
      organizationStatus("a", { requests: { ...counts, rateLimited: 100 } }),
      organizationStatus("b", { requests: { ...counts, rateLimited: 0 }, ageSeconds }),
    ];
    fixture.report({ Ann: "active" });
    await fixture.clock.advance(10_000);
    fixture.organizations[0] = organizationStatus("a", {
      requests: { ...counts, rateLimited: 103 },
    });
    fixture.report({ Ann: "call" });
    await fixture.clock.advance(10_000);
    expect((await history()).samples.at(-1)).to.deep.include({
      requestsPerMinute: 8,
      rateLimitedPerMinute: 103,
      changesPerMinute: 1,
      watchedAgeP50: 20,
      watchedAgeP95: 9,
      sweepSeconds: 2.5,
    });
    await fixture.clock.advance(60_000);
    expect((await history()).samples.at(-1)).to.include({
      rateLimitedPerMinute: 0,
      changesPerMinute: 0,
    });
    fixture.organizations = [];
    await fixture.clock.advance(10_000);
    expect((await history()).samples.at(-1)).to.deep.include({
      requestsPerMinute: 0,
      rateLimitedPerMinute: 0,
      watchedAgeP50: null,
      sweepSeconds: null,
    });
  });
});
