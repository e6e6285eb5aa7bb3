import { expect } from "chai";
import sinon from "sinon";

import type {
  AuthorizationEvents,
  AuthorizationService,
} from "../../../src/authorization/authorization-service.js";
import { FlowSupervisor } from "../../../src/authorization/flow-supervisor.js";
import type { FlowMethod, FlowState, FlowView } from "../../../src/authorization/flow.js";
import { Fault } from "../../../src/faults/fault.js";
import { Emitter } from "../../../src/faults/emitter.js";
import { FakeClock } from "../../support/clock-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

function view(method: FlowMethod, state: FlowState): FlowView {
  const nothing = {
    url: null,
    redirectUri: null,
    verificationUri: null,
    verificationUriComplete: null,
    userCode: null,
  };
  return { method, ...nothing, expiresAt: null, state, message: null };
}

/** The service with one place for a flow, as the keeper sees it. */
function createHarness() {
  const clock = new FakeClock();
  const events = new Emitter<AuthorizationEvents>();
  const log = new RecordingLogger();
  let open: FlowMethod | null = null;
  const notify = (flow: FlowView | null): void => {
    events.emit("authorizationsChanged", { authorizations: [], flow });
  };
  const begin = sinon.spy((method: FlowMethod): Promise<FlowView> => {
    if (begin.callCount <= failures.length) {
      const fault = failures[begin.callCount - 1];
      if (fault !== undefined) return Promise.reject(fault);
    }
    open = method;
    notify(view(method, "waiting"));
    return Promise.resolve(view(method, "waiting"));
  });
  const end = (state: FlowState): void => {
    if (open === null) return;
    notify(view(open, state));
    open = null;
    notify(null);
  };
  const cancel = sinon.spy(() => {
    end("cancelled");
    return Promise.resolve();
  });
  const failures: Fault[] = [];
  const service = { begin, cancel, events };
  const supervisor = new FlowSupervisor(service as unknown as AuthorizationService, clock, log);
  supervisor.start();
  return {
    clock,
    keeper: supervisor,
    begin,
    cancel,
    end,
    failures,
    tell: notify,
    openMethod: () => open,
    methods: () => begin.args.map(([method]) => method),
  };
}

/** A service whose flows begin or fail when the test says so. */
function createPendingHarness() {
  const clock = new FakeClock();
  const rejections: ((fault: Fault) => void)[] = [];
  const begin = (): Promise<FlowView> => new Promise((_resolve, reject) => rejections.push(reject));
  const service = { begin, cancel: () => Promise.resolve(), events: new Emitter() };
  const supervisor = new FlowSupervisor(
    service as unknown as AuthorizationService,
    clock,
    new RecordingLogger(),
  );
  supervisor.start();
  return { clock, keeper: supervisor, begun: rejections };
}

describe("authorization/flow-keeper", () => {
  it("keeps the flow open that is wanted, and begins it again when it expires", async () => {
    const { clock, keeper: supervisor, end, methods } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(methods()).to.deep.equal(["browser"]);
    await clock.advance(600_000);
    end("expired");
    await clock.advance(1_000);
    expect(methods()).to.deep.equal(["browser", "browser"]);
    await supervisor.stop();
  });

  it("lets a flow that has done its work end by itself, and begins no other", async () => {
    const { clock, keeper: supervisor, cancel, end, methods, openMethod } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    supervisor.setDesired({ kind: "leave" });
    await clock.advance(60_000);
    expect(openMethod()).to.equal("browser");
    expect(cancel.called).to.equal(false);
    end("authorized");
    await clock.advance(60_000);
    expect(methods()).to.have.length(1);
    await supervisor.stop();
  });

  it("closes its flow when none is wanted, and changes the method", async () => {
    const { clock, keeper: supervisor, openMethod } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(1_000);
    expect(openMethod()).to.equal("device");
    supervisor.setDesired({ kind: "none" });
    await clock.advance(0);
    expect(openMethod()).to.equal(null);
    await supervisor.stop();
  });

  it("leaves a flow alone that the host began", async () => {
    const { clock, keeper: supervisor, begin, cancel, openMethod } = createHarness();
    await begin("device");
    supervisor.setDesired({ kind: "none" });
    await clock.advance(60_000);
    expect(openMethod()).to.equal("device");
    expect(cancel.called).to.equal(false);
    await supervisor.stop();
  });

  it("tells why a flow cannot be begun, and tries again every 10 s or when something changed", async () => {
    const { clock, keeper: supervisor, failures, methods } = createHarness();
    const port = new Fault("redirectPortInUse", "Port 8467 is taken.", { data: { port: 8467 } });
    failures.push(port, port, port);
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(supervisor.fault?.code).to.equal("redirectPortInUse");
    await clock.advance(10_000);
    expect(methods()).to.have.length(2);
    supervisor.retryNow();
    await clock.advance(0);
    expect(methods()).to.have.length(3);
    await clock.advance(10_000);
    expect(supervisor.fault).to.equal(null);
    await supervisor.stop();
  });

  it("does not try again at once because the same is asked for again meanwhile", async () => {
    const { clock, keeper: supervisor, begun: rejections } = createPendingHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    supervisor.setDesired({ kind: "open", method: "browser" });
    rejections[0]?.(new Fault("redirectPortInUse", "The port is held."));
    await clock.advance(9_999);
    expect(rejections).to.have.length(1);
    await clock.advance(1);
    expect(rejections).to.have.length(2);
    await supervisor.stop();
  });

  it("tries again at once what failed while something changed, but not before Webex's own time", async () => {
    const { clock, keeper: supervisor, begun: rejections } = createPendingHarness();
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    supervisor.retryNow();
    rejections[0]?.(new Fault("cancelled", "The way was closed."));
    await clock.advance(0);
    expect(rejections).to.have.length(2);
    rejections[1]?.(new Fault("rateLimited", "Later.", { retryAfterMs: 30_000 }));
    await clock.advance(0);
    supervisor.retryNow();
    await clock.advance(1_000);
    expect(rejections).to.have.length(2);
    await supervisor.stop();
  });

  it("remembers that a person said no, until one says yes or nobody asks any more", async () => {
    const { clock, keeper: supervisor, end, tell: notify } = createHarness();
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    end("denied");
    expect(supervisor.denied).to.equal(true);
    await clock.advance(1_000);
    expect(supervisor.denied).to.equal(true);
    notify(view("device", "authorized"));
    expect(supervisor.denied).to.equal(false);
    notify(view("device", "denied"));
    supervisor.setDesired({ kind: "none" });
    expect(supervisor.denied).to.equal(false);
    await supervisor.stop();
  });

  it("forgets a no when the person tries again at the page, and when there is nothing left to act on", async () => {
    const { clock, keeper: supervisor, end, tell: notify } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    notify(view("browser", "denied"));
    expect(supervisor.denied).to.equal(true);
    notify(view("browser", "waiting"));
    expect(supervisor.denied).to.equal(false);
    notify(view("browser", "denied"));
    supervisor.setDesired({ kind: "leave" });
    expect(supervisor.denied).to.equal(true);
    end("expired");
    expect(supervisor.denied).to.equal(false);
    await supervisor.stop();
  });

  it("tells no fault of a flow that nobody wants any more", async () => {
    const { clock, keeper: supervisor, failures } = createHarness();
    failures.push(new Fault("redirectPortInUse", "Port 8467 is taken."));
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(supervisor.fault?.code).to.equal("redirectPortInUse");
    supervisor.setDesired({ kind: "leave" });
    expect(supervisor.fault).to.equal(null);
    await supervisor.stop();
  });

  it("calls off a flow that is being begun when none is wanted any more, without a word", async () => {
    const clock = new FakeClock();
    let aborted = 0;
    const begin = (_method: FlowMethod, signal: AbortSignal): Promise<FlowView> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          aborted += 1;
          reject(new Fault("cancelled", "Cancelled."));
        });
      });
    const service = { begin, cancel: () => Promise.resolve(), events: new Emitter() };
    const supervisor = new FlowSupervisor(
      service as unknown as AuthorizationService,
      clock,
      new RecordingLogger(),
    );
    supervisor.start();
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    supervisor.setDesired({ kind: "none" });
    await clock.advance(0);
    expect(aborted).to.equal(1);
    expect(supervisor.fault).to.equal(null);
    await supervisor.stop();
  });

  it("leaves no flow and no timer behind", async () => {
    const { clock, keeper: supervisor, openMethod } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    await supervisor.stop();
    await clock.advance(60_000);
    expect(openMethod()).to.equal(null);
    expect(clock.pendingTimers).to.equal(0);
  });
});
