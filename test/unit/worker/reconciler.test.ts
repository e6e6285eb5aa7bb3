import { expect } from "chai";
import sinon from "sinon";

import { Emitter } from "../../../src/faults/emitter.js";
import { Secret } from "../../../src/faults/secret.js";
import { checkHost } from "../../../src/supervisor/host-check.js";
import { type ReconciledComponents, Reconciler } from "../../../src/worker/reconciler.js";
import type { PublishedState } from "../../../src/worker/status-publisher.js";
import { FakeClock } from "../../support/clock-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";
import { observedState, type ObservedFacts } from "../../support/observed-state-fixture.js";

/** The reconciler between components that only record what is asked of them. */
function createHarness(initial: ObservedFacts) {
  const clock = new FakeClock();
  const log = new RecordingLogger();
  const calls: string[] = [];
  const record =
    (name: string) =>
    (...args: unknown[]): void => {
      calls.push(
        [name, ...args.map((arg) => (typeof arg === "object" ? "…" : (arg as string)))].join(" "),
      );
    };
  let observed = observedState(initial);
  const events = new Emitter<Record<string, undefined>>();
  const organization = (orgId: string) => ({
    orgId,
    start: record(`start ${orgId}`),
    stop: () => {
      record(`stop ${orgId}`)();
      return Promise.resolve();
    },
    poller: {
      retryNow: record(`retryNow ${orgId}`),
      pollNow: () => {
        record(`pollNow ${orgId}`)();
        return { accepted: true, nextPossibleAt: null };
      },
    },
  });
  const route = sinon.stub().returns(false);
  const components: ReconciledComponents = {
    settingsStore: {
      events,
      get current() {
        return observed.settings;
      },
    },
    grantStore: {
      events,
      kind: "keychain",
      get state() {
        return observed.grantStore;
      },
    },
    authorizations: {
      events,
      grantStatuses: () => observed.grantStatuses,
      reevaluate: record("reevaluate"),
    },
    flows: {
      events,
      fault: null,
      isDenied: false,
      retryNow: record("flows.retryNow"),
      setDesired: ({ kind }: { kind: string }) => record("flow")(kind),
    },
    organizations: {
      events,
      get all() {
        return observed.organizations.map(({ orgId }) => organization(orgId));
      },
      get: organization,
      observe: () => [...observed.organizations],
      status: () => [],
      sync: record("sync"),
      clear: record("clear"),
      applySettings: record("applySettings"),
      routeChanged: record("routeChanged"),
    },
    network: { apply: route },
    dashboard: { events, conflict: null, apply: record("dashboard") },
    presence: {
      setStaleAfter: record("staleAfter"),
      setPollInterval: record("pollInterval"),
      setOrder: record("order"),
      setCondition: record("condition"),
      setBlocked: record("blocked"),
    },
  };
  const published: PublishedState[] = [];
  const reconciler = new Reconciler({
    components,
    status: { publish: (state) => void published.push(state) },
    account: "svc",
    logFile: null,
    clock,
    log,
    onSettings: record("onSettings"),
  });
  return {
    clock,
    log,
    calls,
    components,
    published,
    reconciler,
    route,
    emit: (event: string) => events.emit(event),
    /** Takes the calls recorded since the last time. */
    take: () => calls.splice(0),
    observe: (facts: ObservedFacts) => {
      observed = observedState(facts);
    },
  };
}

const POLLING: ObservedFacts = { enable: true, grants: ["a"] };
const EVENTS = [
  "settingsChanged",
  "contentChanged",
  "authorizationsChanged",
  "outcomeChanged",
  "organizationChanged",
  "conflictChanged",
];

describe("worker/reconciler", () => {
  it("reconciles once at the end of a turn, however many things changed in it", async () => {
    const { clock, calls, published, reconciler, emit } = createHarness(POLLING);
    reconciler.start();
    for (const event of EVENTS) {
      emit(event);
      emit(event);
    }
    expect(calls).to.deep.equal([]);
    await clock.advance(0);
    expect(calls.filter((call) => call.startsWith("condition"))).to.deep.equal([
      "condition polling",
    ]);
    expect(published.map(({ phase }) => phase)).to.deep.equal(["polling"]);
  });

  for (const event of EVENTS)
    it(`reconciles after ${event} alone, until it is disposed of`, async () => {
      const { clock, calls, reconciler, emit, take } = createHarness(POLLING);
      const dispose = reconciler.start();
      await clock.advance(0);
      take();
      emit(event);
      await clock.advance(0);
      expect(take()).to.include("condition polling");
      emit(event);
      dispose();
      emit(event);
      await clock.advance(0);
      expect(calls).to.deep.equal([]);
    });

  it("applies settings before organizations start, and log levels before anything else", () => {
    const { reconciler, take } = createHarness(POLLING);
    reconciler.reconcile();
    const calls = take();
    expect(calls[0]).to.equal("onSettings …");
    expect(calls.indexOf("applySettings …")).to.be.lessThan(calls.indexOf("start a"));
    expect(calls.indexOf("sync …")).to.be.lessThan(calls.indexOf("start a"));
    reconciler.reconcile();
    expect(take()).to.not.include.members(["applySettings …", "reevaluate"]);
  });

  it("hands the dashboard its port, and reports why it cannot be shown", () => {
    const { reconciler, components, published, take } = createHarness(POLLING);
    reconciler.reconcile();
    expect(take()).to.include("dashboard …");
    const dashboard = { ...components.dashboard, conflict: { port: 8468, reason: "used" } };
    Object.assign(components, { dashboard });
    reconciler.reconcile();
    expect(take()).to.not.include("dashboard …");
    expect(published.at(-1)?.problems.map(({ code }) => code)).to.deep.equal([
      "dashboardPortInUse",
    ]);
  });

  it("includes what applying has changed, and publishes the result once", () => {
    const { reconciler, components, published, observe, emit } = createHarness(POLLING);
    reconciler.start();
    components.flows.setDesired = () => {
      observe({ ...POLLING, refused: ["a"] });
      emit("organizationChanged");
      components.flows.setDesired = () => undefined;
    };
    reconciler.reconcile();
    expect(published.map(({ phase }) => phase)).to.deep.equal(["blocked"]);
  });

  it("yields to the event loop when components never come to rest", async () => {
    const { clock, reconciler, components, published, emit } = createHarness(POLLING);
    reconciler.start();
    const setDesired = sinon.spy(() => emit("outcomeChanged"));
    components.flows.setDesired = setDesired;
    reconciler.reconcile();
    expect(published).to.have.length(1);
    expect(setDesired.callCount).to.be.lessThan(20);
    components.flows.setDesired = () => undefined;
    await clock.advance(0);
    expect(published).to.have.length(2);
  });

  it("lets a reader see changes of the same turn", () => {
    const { reconciler, published, observe, emit } = createHarness(POLLING);
    reconciler.start();
    reconciler.flush();
    expect(published.splice(0).map(({ phase }) => phase)).to.deep.equal(["polling"]);
    observe({ enable: false, grants: ["a"] });
    emit("settingsChanged");
    reconciler.flush();
    reconciler.flush();
    expect(published.map(({ phase }) => phase)).to.deep.equal(["disabled"]);
  });

  it("stops polling at once when the host is rejected", () => {
    const { reconciler, published, take } = createHarness(POLLING);
    reconciler.reconcile();
    take();
    reconciler.setHost(
      checkHost({ hostVersion: "2020.Winter.1", licensed: null, consoleVersion: null }),
    );
    expect(published.at(-1)?.phase).to.equal("blocked");
    expect(published.at(-1)?.problems[0]?.code).to.equal("hostTooOld");
    expect(take()).to.include.members(["stop a", "blocked a true", "flow none"]);
  });

  it("drops organizations when ApiUrl changes, and keeps them otherwise", () => {
    const { reconciler, take, observe } = createHarness(POLLING);
    reconciler.reconcile();
    expect(take()).to.not.include("clear");
    observe({ ...POLLING, settings: { pollIntervalSeconds: 60 } });
    reconciler.reconcile();
    expect(take()).to.not.include("clear");
    observe({ ...POLLING, settings: { apiUrl: "https://other.example/v1" } });
    reconciler.reconcile();
    const calls = take();
    expect(calls.indexOf("clear")).to.be.within(0, calls.indexOf("sync …"));
  });

  it("observes again after it dropped organizations, whose refusals no longer hold", () => {
    const { reconciler, components, published, observe } = createHarness(POLLING);
    reconciler.reconcile();
    const settings = { apiUrl: "https://webexapis.com/v12" };
    observe({ ...POLLING, settings, refused: ["a"] });
    components.organizations.clear = () => observe({ ...POLLING, settings });
    reconciler.reconcile();
    expect(published.at(-1)?.phase).to.equal("polling");
  });

  it("publishes after its start what changed before it", async () => {
    const { clock, published, reconciler } = createHarness(POLLING);
    reconciler.start();
    await clock.advance(0);
    expect(published.map(({ phase }) => phase)).to.deep.equal(["polling"]);
  });

  it("retries what failed when the route or the client changes", () => {
    const { reconciler, components, take, route } = createHarness(POLLING);
    reconciler.reconcile();
    take();
    route.returns(true);
    reconciler.reconcile();
    expect(take()).to.include.members(["routeChanged", "flows.retryNow"]);
    route.returns(false);
    const { grantStore } = components;
    if (grantStore.state.kind !== "ready") throw new Error("The keychain is not ready.");
    const changed = {
      ...grantStore.state,
      client: { clientId: "client-1", clientSecret: new Secret("SECRET-other") },
    };
    Object.defineProperty(grantStore, "state", { get: () => changed });
    reconciler.reconcile();
    expect(take()).to.include.members(["retryNow a", "flows.retryNow"]);
    reconciler.reconcile();
    expect(take()).to.not.include("retryNow a");
  });

  it("polls once when a grant is no longer refused", () => {
    const { reconciler, take, observe } = createHarness(POLLING);
    const refused: ObservedFacts = { ...POLLING, refused: ["a"] };
    for (const [facts, polls] of [
      [POLLING, []],
      [refused, []],
      [refused, []],
      [POLLING, ["pollNow a"]],
      [POLLING, []],
    ] as const) {
      observe(facts);
      reconciler.reconcile();
      expect(take().filter((call) => call.startsWith("pollNow"))).to.deep.equal(polls);
    }
  });

  it("stops polling for good and leaves records as they are", () => {
    const { reconciler, published, take } = createHarness(POLLING);
    reconciler.reconcile();
    take();
    reconciler.stop();
    expect(take()).to.deep.equal(["stop a", "flow none"]);
    expect(published.at(-1)?.phase).to.equal("stopping");
  });

  it("logs each change of phase", () => {
    const { log, reconciler, observe } = createHarness(POLLING);
    reconciler.reconcile();
    reconciler.reconcile();
    observe({ enable: false, grants: ["a"] });
    reconciler.reconcile();
    const changes = log.records.filter(({ message }) => message === "The phase changed.");
    expect(changes.map(({ fields }) => fields)).to.deep.equal([
      { from: "starting", to: "polling" },
      { from: "polling", to: "disabled" },
    ]);
  });
});
