import { expect } from "chai";

import { NOTIFICATIONS } from "../../../src/rpc/results.js";
import { Notifier } from "../../../src/rpc/notifier.js";
import type { WorkerStatus } from "../../../src/supervisor/status.js";
import { FakeChannel } from "../../support/channel-fake.js";
import { FakeClock } from "../../support/clock-fake.js";
import {
  FakeAuthorization,
  FakePresence,
  FakeStatus,
  flowView,
  presenceRecord,
  problem,
} from "../../support/rpc-services-fake.js";

interface Changed {
  readonly subscriptionIds: string[];
  readonly sequence: number;
  readonly changes: { uri: string; webexStatus: string }[];
}

function launch() {
  const channel = new FakeChannel();
  const presence = new FakePresence();
  const authorization = new FakeAuthorization();
  const status = new FakeStatus();
  const clock = new FakeClock();
  const notifier = new Notifier({ channel, presence, authorization, status, clock });
  channel.listen({ request: () => null, notification: () => undefined }, () => undefined);
  notifier.start();
  presence.subscribe({ all: true });
  return {
    channel,
    presence,
    authorization,
    status,
    clock,
    notifier,
    changed: () => channel.notificationsOf("presence/changed") as Changed[],
    phases: () =>
      (channel.notificationsOf("worker/statusChanged") as WorkerStatus[]).map((s) => s.phase),
  };
}

const records = (count: number, status = "active") =>
  Array.from({ length: count }, (_, i) => presenceRecord(`p${i}@x.example`, status));

describe("notifier: presence", () => {
  it("sends up to 500 changes per notification, numbered from 1, and never in the turn in which they happen", async () => {
    const { presence, clock, changed, channel } = launch();
    presence.change(...records(1_200));
    expect(changed()).to.deep.equal([]);
    await clock.advance(0);
    expect(changed().map((c) => [c.sequence, c.changes.length])).to.deep.equal([
      [1, 500],
      [2, 500],
      [3, 200],
    ]);
    presence.change(presenceRecord("a@x.example"));
    await clock.advance(0);
    expect(changed()[3]).to.deep.include({ sequence: 4, subscriptionIds: ["s1"] });
    for (const params of channel.notificationsOf("presence/changed"))
      expect(NOTIFICATIONS["presence/changed"].parse(params)).to.deep.equal(params);
  });

  it("spreads many notifications over several turns", async () => {
    const { presence, clock, changed } = launch();
    presence.change(...records(10_000));
    await clock.advance(0);
    expect(changed()).to.have.length(20);
    expect(presence.pendingCount).to.equal(0);
  });

  it("drains nothing while the host does not read, then sends the latest state only", async () => {
    const { presence, clock, changed, channel } = launch();
    channel.stopReading();
    for (const status of ["active", "inactive", "active", "inactive"]) {
      presence.change(...records(600, status));
      await clock.advance(1_000);
    }
    expect(changed()).to.deep.equal([]);
    expect(presence.pendingCount).to.equal(600);
    channel.resumeReading();
    await clock.advance(0);
    expect(changed().map((c) => [c.sequence, c.changes.length])).to.deep.equal([
      [1, 500],
      [2, 100],
    ]);
    expect(new Set(changed().flatMap((c) => c.changes.map((r) => r.webexStatus)))).to.deep.equal(
      new Set(["inactive"]),
    );
  });

  it("pauses between notifications when the host stops reading", async () => {
    const { presence, clock, changed, channel } = launch();
    const notify = channel.notify.bind(channel);
    channel.notify = (method, params) => {
      notify(method, params);
      channel.stopReading();
    };
    presence.change(...records(1_500));
    await clock.advance(100);
    expect(changed()).to.have.length(1);
    channel.resumeReading();
    await clock.advance(100);
    expect(changed()).to.have.length(2);
  });

  it("sends nothing after stop, and leaves no timer and no listener", async () => {
    const { presence, clock, channel, notifier, status, authorization } = launch();
    presence.change(...records(1));
    status.set({ phase: "polling" });
    notifier.stop();
    notifier.stop();
    authorization.change(null);
    presence.change(...records(3));
    channel.resumeReading();
    expect(clock.pendingTimers).to.equal(0);
    await clock.advance(10_000);
    expect(channel.notifications).to.deep.equal([]);
  });
});

describe("notifier: authorization", () => {
  it("sends each step, with the documented members only", async () => {
    const { authorization, channel, clock } = launch();
    authorization.change(flowView("browser"));
    authorization.change(flowView("browser", "authorized"));
    authorization.change(null);
    await clock.advance(0);
    const notifications = channel.notificationsOf("authorization/changed") as {
      flow: { state: string } | null;
    }[];
    const states = notifications.map((t) => t.flow?.state ?? null);
    expect(states).to.deep.equal(["waiting", "authorized", null]);
    for (const params of notifications)
      expect(NOTIFICATIONS["authorization/changed"].parse(params)).to.deep.equal(params);
    const members = "method url verificationUri userCode expiresAt state message".split(" ");
    expect(notifications[0]!.flow).to.have.all.keys(members);
    expect(JSON.stringify(notifications)).not.to.contain("leak");
  });

  it("sends the last step only to a host that did not read", async () => {
    const { authorization, channel, clock } = launch();
    channel.stopReading();
    authorization.change(flowView("device"));
    authorization.change(flowView("device", "expired"));
    await clock.advance(0);
    channel.resumeReading();
    channel.resumeReading();
    await clock.advance(0);
    const notifications = channel.notificationsOf("authorization/changed") as {
      flow: { state: string };
    }[];
    expect(notifications.map((t) => t.flow.state)).to.deep.equal(["expired"]);
  });
});

describe("notifier: status", () => {
  it("reports a change of the phase or the problems, and of nothing else", async () => {
    const { status, clock, phases } = launch();
    status.set({ enabled: true });
    await clock.advance(2_000);
    expect(phases()).to.deep.equal([]);
    status.set({ phase: "polling" });
    await clock.advance(1);
    expect(phases()).to.deep.equal(["polling"]);
    await clock.advance(1_000);
    status.set({ problems: [problem("rateLimited")] });
    await clock.advance(1);
    expect(phases()).to.deep.equal(["polling", "polling"]);
  });

  it("sends at most one notification per second, with the latest status", async () => {
    const { status, clock, phases } = launch();
    status.set({ phase: "disabled" });
    await clock.advance(1);
    status.set({ phase: "blocked" });
    await clock.advance(500);
    status.set({ phase: "polling" });
    await clock.advance(499);
    expect(phases()).to.deep.equal(["disabled"]);
    await clock.advance(1);
    expect(phases()).to.deep.equal(["disabled", "polling"]);
  });

  it("sends nothing if a change is reverted within the second", async () => {
    const { status, clock, phases } = launch();
    status.set({ phase: "polling" });
    await clock.advance(1);
    status.set({ phase: "blocked" });
    status.set({ phase: "polling" });
    await clock.advance(5_000);
    expect(phases()).to.deep.equal(["polling"]);
  });

  it("waits for a host that does not read", async () => {
    const { status, clock, phases, channel } = launch();
    channel.stopReading();
    status.set({ phase: "disabled" });
    await clock.advance(3_000);
    status.set({ phase: "polling" });
    await clock.advance(3_000);
    expect(phases()).to.deep.equal([]);
    channel.resumeReading();
    await clock.advance(1);
    expect(phases()).to.deep.equal(["polling"]);
  });
});
