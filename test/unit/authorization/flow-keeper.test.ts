import { expect } from "chai";
import sinon from "sinon";

import type { AuthorizationEvents, AuthorizationService } from "../../../src/authorization/authorization-service.js";
import { FlowKeeper } from "../../../src/authorization/flow-keeper.js";
import type { FlowMethod, FlowState, FlowView } from "../../../src/authorization/flow.js";
import { Fault } from "../../../src/faults/fault.js";
import { Emitter } from "../../../src/faults/emitter.js";
import { FakeClock } from "../../support/fake-clock.js";
import { RecordingLogger } from "../../support/recording-logger.js";

function view(method: FlowMethod, state: FlowState): FlowView {
  const nothing = { url: null, redirectUri: null, verificationUri: null, verificationUriComplete: null, userCode: null };
  return { method, ...nothing, expiresAt: null, state, message: null };
}

/** The service with one place for a flow, as the keeper sees it. */
function bench() {
  const clock = new FakeClock();
  const events = new Emitter<AuthorizationEvents>();
  const log = new RecordingLogger();
  let open: FlowMethod | null = null;
  const tell = (flow: FlowView | null): void => {
    events.emit("authorizationsChanged", { authorizations: [], flow });
  };
  const begin = sinon.spy((method: FlowMethod): Promise<FlowView> => {
    if (begin.callCount <= failures.length) {
      const fault = failures[begin.callCount - 1];
      if (fault !== undefined) return Promise.reject(fault);
    }
    open = method;
    tell(view(method, "waiting"));
    return Promise.resolve(view(method, "waiting"));
  });
  const end = (state: FlowState): void => {
    if (open === null) return;
    tell(view(open, state));
    open = null;
    tell(null);
  };
  const cancel = sinon.spy(() => {
    end("cancelled");
    return Promise.resolve();
  });
  const failures: Fault[] = [];
  const service = { begin, cancel, events };
  const keeper = new FlowKeeper(service as unknown as AuthorizationService, clock, log);
  keeper.start();
  return {
    clock,
    keeper,
    begin,
    cancel,
    end,
    failures,
    tell,
    openMethod: () => open,
    methods: () => begin.args.map(([method]) => method),
  };
}

/** A service whose flows begin or fail when the test says so. */
function undecided() {
  const clock = new FakeClock();
  const begun: ((fault: Fault) => void)[] = [];
  const begin = (): Promise<FlowView> => new Promise((_resolve, reject) => begun.push(reject));
  const service = { begin, cancel: () => Promise.resolve(), events: new Emitter() };
  const keeper = new FlowKeeper(service as unknown as AuthorizationService, clock, new RecordingLogger());
  keeper.start();
  return { clock, keeper, begun };
}

describe("authorization/flow-keeper", () => {
  it("keeps the flow open that is wanted, and begins it again when it expires", async () => {
    const { clock, keeper, end, methods } = bench();
    keeper.want({ kind: "open", method: "browser" });
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(methods()).to.deep.equal(["browser"]);
    await clock.advance(600_000);
    end("expired");
    await clock.advance(1_000);
    expect(methods()).to.deep.equal(["browser", "browser"]);
    await keeper.stop();
  });

  it("lets a flow that has done its work end by itself, and begins no other", async () => {
    const { clock, keeper, cancel, end, methods, openMethod } = bench();
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    keeper.want({ kind: "leave" });
    await clock.advance(60_000);
    expect(openMethod()).to.equal("browser");
    expect(cancel.called).to.equal(false);
    end("authorized");
    await clock.advance(60_000);
    expect(methods()).to.have.length(1);
    await keeper.stop();
  });

  it("closes its flow when none is wanted, and changes the method", async () => {
    const { clock, keeper, openMethod } = bench();
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    keeper.want({ kind: "open", method: "device" });
    await clock.advance(1_000);
    expect(openMethod()).to.equal("device");
    keeper.want({ kind: "none" });
    await clock.advance(0);
    expect(openMethod()).to.equal(null);
    await keeper.stop();
  });

  it("leaves a flow alone that the host began", async () => {
    const { clock, keeper, begin, cancel, openMethod } = bench();
    await begin("device");
    keeper.want({ kind: "none" });
    await clock.advance(60_000);
    expect(openMethod()).to.equal("device");
    expect(cancel.called).to.equal(false);
    await keeper.stop();
  });

  it("tells why a flow cannot be begun, and tries again every 10 s or when something changed", async () => {
    const { clock, keeper, failures, methods } = bench();
    const port = new Fault("redirectPortInUse", "Port 8467 is taken.", { data: { port: 8467 } });
    failures.push(port, port, port);
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(keeper.fault?.code).to.equal("redirectPortInUse");
    await clock.advance(10_000);
    expect(methods()).to.have.length(2);
    keeper.retryNow();
    await clock.advance(0);
    expect(methods()).to.have.length(3);
    await clock.advance(10_000);
    expect(keeper.fault).to.equal(null);
    await keeper.stop();
  });

  it("does not try again at once because the same is asked for again meanwhile", async () => {
    const { clock, keeper, begun } = undecided();
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    keeper.want({ kind: "open", method: "browser" });
    begun[0]?.(new Fault("redirectPortInUse", "The port is held."));
    await clock.advance(9_999);
    expect(begun).to.have.length(1);
    await clock.advance(1);
    expect(begun).to.have.length(2);
    await keeper.stop();
  });

  it("tries again at once what failed while something changed, but not before Webex's own time", async () => {
    const { clock, keeper, begun } = undecided();
    keeper.want({ kind: "open", method: "device" });
    await clock.advance(0);
    keeper.retryNow();
    begun[0]?.(new Fault("cancelled", "The way was closed."));
    await clock.advance(0);
    expect(begun).to.have.length(2);
    begun[1]?.(new Fault("rateLimited", "Later.", { retryAfterMs: 30_000 }));
    await clock.advance(0);
    keeper.retryNow();
    await clock.advance(1_000);
    expect(begun).to.have.length(2);
    await keeper.stop();
  });

  it("remembers that a person said no, until one says yes or nobody asks any more", async () => {
    const { clock, keeper, end, tell } = bench();
    keeper.want({ kind: "open", method: "device" });
    await clock.advance(0);
    end("denied");
    expect(keeper.denied).to.equal(true);
    await clock.advance(1_000);
    expect(keeper.denied).to.equal(true);
    tell(view("device", "authorized"));
    expect(keeper.denied).to.equal(false);
    tell(view("device", "denied"));
    keeper.want({ kind: "none" });
    expect(keeper.denied).to.equal(false);
    await keeper.stop();
  });

  it("forgets a no when the person tries again at the page, and when there is nothing left to act on", async () => {
    const { clock, keeper, end, tell } = bench();
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    tell(view("browser", "denied"));
    expect(keeper.denied).to.equal(true);
    tell(view("browser", "waiting"));
    expect(keeper.denied).to.equal(false);
    tell(view("browser", "denied"));
    keeper.want({ kind: "leave" });
    expect(keeper.denied).to.equal(true);
    end("expired");
    expect(keeper.denied).to.equal(false);
    await keeper.stop();
  });

  it("tells no fault of a flow that nobody wants any more", async () => {
    const { clock, keeper, failures } = bench();
    failures.push(new Fault("redirectPortInUse", "Port 8467 is taken."));
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    expect(keeper.fault?.code).to.equal("redirectPortInUse");
    keeper.want({ kind: "leave" });
    expect(keeper.fault).to.equal(null);
    await keeper.stop();
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
    const keeper = new FlowKeeper(service as unknown as AuthorizationService, clock, new RecordingLogger());
    keeper.start();
    keeper.want({ kind: "open", method: "device" });
    await clock.advance(0);
    keeper.want({ kind: "none" });
    await clock.advance(0);
    expect(aborted).to.equal(1);
    expect(keeper.fault).to.equal(null);
    await keeper.stop();
  });

  it("leaves no flow and no timer behind", async () => {
    const { clock, keeper, openMethod } = bench();
    keeper.want({ kind: "open", method: "browser" });
    await clock.advance(0);
    await keeper.stop();
    await clock.advance(60_000);
    expect(openMethod()).to.equal(null);
    expect(clock.pendingTimers).to.equal(0);
  });
});
