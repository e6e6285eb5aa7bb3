import { expect } from "chai";
import sinon from "sinon";

import type {
  AuthorizationEvents,
  FlowMethod,
  FlowState,
  FlowView,
} from "../../../src/authorization/flow.js";
import type { AuthorizationService } from "../../../src/authorization/authorizations.js";
import { FlowSupervisor } from "../../../src/authorization/flow-supervisor.js";
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

/** A service with at most one flow. `failures` are the faults of the first calls of `begin`. */
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
  const service: Pick<AuthorizationService, "begin" | "cancel" | "events"> = {
    begin,
    cancel,
    events,
  };
  const supervisor = new FlowSupervisor(service as AuthorizationService, clock, log);
  supervisor.start();
  return {
    clock,
    log,
    supervisor,
    service,
    begin,
    cancel,
    end,
    failures,
    notify,
    openMethod: () => open,
    methods: () => begin.args.map(([method]) => method),
  };
}

/** A service whose calls of `begin` fail when the test rejects them. */
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
  return { clock, supervisor, rejections };
}

describe("flow supervisor", () => {
  it("reports and logs a cause that changes, but not the same one again", async () => {
    const { clock, log, supervisor, failures } = createHarness();
    const unreachable = (message: string): Fault => new Fault("webexUnreachable", message);
    failures.push(
      unreachable("The name could not be resolved."),
      unreachable("The name could not be resolved."),
      unreachable("The certificate has expired."),
    );
    let changes = 0;
    supervisor.events.on("outcomeChanged", () => (changes += 1));
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(25_000);
    expect(supervisor.fault?.message).to.equal("The certificate has expired.");
    expect(changes).to.equal(2);
    expect(log.records.map(({ fields }) => fields.reason)).to.deep.equal([
      "The name could not be resolved.",
      "The certificate has expired.",
    ]);
    await supervisor.stop();
  });

  it("logs above debug only what the status does not report", async () => {
    const { clock, log, supervisor, failures } = createHarness();
    failures.push(new Fault("webexError", "Webex failed."), new Fault("refused", "Not allowed."));
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(15_000);
    expect(log.records.map(({ level }) => level)).to.deep.equal(["debug", "warn"]);
    await supervisor.stop();
  });

  it("opens the desired flow, and starts it again when it expires", async () => {
    const { clock, supervisor, end, methods } = createHarness();
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

  it("drains a flow without starting another one", async () => {
    const { clock, supervisor, cancel, end, methods, openMethod } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    supervisor.setDesired({ kind: "drain" });
    await clock.advance(60_000);
    expect(openMethod()).to.equal("browser");
    expect(cancel.called).to.equal(false);
    end("authorized");
    await clock.advance(60_000);
    expect(methods()).to.have.length(1);
    await supervisor.stop();
  });

  it("closes its flow when none is desired, and changes the method", async () => {
    const { clock, supervisor, openMethod } = createHarness();
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

  it("does not close a flow that the host has started", async () => {
    const { clock, supervisor, begin, cancel, openMethod } = createHarness();
    await begin("device");
    supervisor.setDesired({ kind: "none" });
    await clock.advance(60_000);
    expect(openMethod()).to.equal("device");
    expect(cancel.called).to.equal(false);
    await supervisor.stop();
  });

  it("reports why a flow cannot be started, and retries every 10 s or on demand", async () => {
    const { clock, supervisor, failures, methods } = createHarness();
    const port = new Fault("redirectPortInUse", "Port 8467 is in use.", { data: { port: 8467 } });
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

  it("does not retry at once if the same flow is desired again during an attempt", async () => {
    const { clock, supervisor, rejections } = createPendingHarness();
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

  it("retries at once if requested during an attempt, but not before the delay that Webex demands", async () => {
    const { clock, supervisor, rejections } = createPendingHarness();
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    supervisor.retryNow();
    rejections[0]?.(new Fault("cancelled", "The route was closed."));
    await clock.advance(0);
    expect(rejections).to.have.length(2);
    rejections[1]?.(new Fault("rateLimited", "Later.", { retryAfterMs: 30_000 }));
    await clock.advance(0);
    supervisor.retryNow();
    await clock.advance(1_000);
    expect(rejections).to.have.length(2);
    await supervisor.stop();
  });

  it("remembers a denial until a person authorizes or no flow is desired", async () => {
    const { clock, supervisor, end, notify } = createHarness();
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    end("denied");
    expect(supervisor.isDenied).to.equal(true);
    await clock.advance(1_000);
    expect(supervisor.isDenied).to.equal(true);
    notify(view("device", "authorized"));
    expect(supervisor.isDenied).to.equal(false);
    notify(view("device", "denied"));
    supervisor.setDesired({ kind: "none" });
    expect(supervisor.isDenied).to.equal(false);
    await supervisor.stop();
  });

  it("forgets a denial when the person tries again, and when the drained flow ends", async () => {
    const { clock, supervisor, end, notify } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    notify(view("browser", "denied"));
    expect(supervisor.isDenied).to.equal(true);
    notify(view("browser", "waiting"));
    expect(supervisor.isDenied).to.equal(false);
    notify(view("browser", "denied"));
    supervisor.setDesired({ kind: "drain" });
    expect(supervisor.isDenied).to.equal(true);
    end("expired");
    expect(supervisor.isDenied).to.equal(false);
    await supervisor.stop();
  });

  it("clears the fault of a flow that is no longer desired", async () => {
    const { clock, supervisor, failures } = createHarness();
    failures.push(new Fault("redirectPortInUse", "Port 8467 is in use."));
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(supervisor.fault?.code).to.equal("redirectPortInUse");
    supervisor.setDesired({ kind: "drain" });
    expect(supervisor.fault).to.equal(null);
    await supervisor.stop();
  });

  it("cancels a pending attempt when no flow is desired, without a fault", async () => {
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

  it("starts no flow if none is desired any more when the previous one has closed", async () => {
    const { clock, supervisor, service, methods, end } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    let closed: () => void = () => undefined;
    service.cancel = () =>
      new Promise((resolve) => {
        closed = () => {
          end("cancelled");
          resolve();
        };
      });
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    supervisor.setDesired({ kind: "none" });
    await clock.advance(0);
    closed();
    await clock.advance(60_000);
    expect(methods()).to.deep.equal(["browser"]);
    service.cancel = () => Promise.resolve();
    await supervisor.stop();
  });

  it("starts no flow if it was stopped while the previous one was closing", async () => {
    const { clock, supervisor, service, methods } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    let closed: () => void = () => undefined;
    service.cancel = () => new Promise((resolve) => (closed = resolve));
    supervisor.setDesired({ kind: "open", method: "device" });
    await clock.advance(0);
    service.cancel = () => Promise.resolve();
    await supervisor.stop();
    closed();
    await clock.advance(60_000);
    expect(methods()).to.deep.equal(["browser"]);
  });

  it("starts another flow if one has ended before its start was reported", async () => {
    const { clock, supervisor, service, end, begin, methods } = createHarness();
    service.begin = async (method) => {
      const started = await begin(method);
      if (begin.callCount === 1) end("cancelled");
      return started;
    };
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    await clock.advance(1_000);
    expect(methods()).to.deep.equal(["browser", "browser"]);
    await supervisor.stop();
  });

  it("leaves no flow and no timer after stop", async () => {
    const { clock, supervisor, openMethod } = createHarness();
    supervisor.setDesired({ kind: "open", method: "browser" });
    await clock.advance(0);
    await supervisor.stop();
    await clock.advance(60_000);
    expect(openMethod()).to.equal(null);
    expect(clock.pendingTimers).to.equal(0);
  });
});
