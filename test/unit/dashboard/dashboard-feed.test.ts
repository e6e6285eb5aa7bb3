import { expect } from "chai";

import type { DashboardEvent, DashboardHistory } from "../../../src/dashboard/dashboard-model.js";
import { DashboardFixture, organizationStatus } from "../../support/dashboard-fixture.js";
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
