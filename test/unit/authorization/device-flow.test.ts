import { expect } from "chai";

import { DeviceFlow } from "../../../src/authorization/device-flow.js";
import type { FlowView } from "../../../src/authorization/flow.js";
import { Fault } from "../../../src/faults/fault.js";
import type { DeviceTokenPoll } from "../../../src/webex/oauth.js";
import { FakeClock } from "../../support/clock-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";
import {
  TOKEN_RESPONSE,
  oauthContextOf,
  GrantSinkFake,
  faultOf,
  OAuthFake,
} from "../../support/authorization-flow-fixture.js";

const PENDING: DeviceTokenPoll = { kind: "pending" };
const AUTHORIZED: DeviceTokenPoll = { kind: "authorized", tokens: TOKEN_RESPONSE };

describe("device flow", () => {
  let clock: FakeClock;
  let oauth: OAuthFake;
  let grantSink: GrantSinkFake;
  let logger: RecordingLogger;
  let flow: DeviceFlow;
  let views: FlowView[];

  beforeEach(() => {
    clock = new FakeClock();
    oauth = new OAuthFake();
    oauth.now = () => clock.monotonic() / 1_000;
    grantSink = new GrantSinkFake();
    logger = new RecordingLogger();
    views = [];
    flow = new DeviceFlow({ oauthContext: () => oauthContextOf(oauth), grantSink, clock, logger });
    flow.events.on("viewChanged", (view) => views.push(view));
  });

  afterEach(async () => {
    await flow.stop();
    expect(clock.pendingTimers).to.equal(0);
    expect(logger.text + JSON.stringify(views)).not.to.match(/-text/);
  });

  const start = (): Promise<FlowView> => flow.start(new AbortController().signal);

  it("shows the user code, the address and the deadline", async () => {
    expect(await start()).to.deep.equal({
      method: "device",
      url: null,
      redirectUri: null,
      verificationUri: "https://login.example/verify",
      verificationUriComplete: "https://login.example/verify?userCode=729703",
      userCode: "729703",
      expiresAt: "2026-01-01T00:05:00.000Z",
      state: "waiting",
      message: null,
    });
    expect(flow.isOpen).to.equal(true);
    expect(logger.text).to.contain("729703");
  });

  it("polls at the interval until it is authorized, and stores the grant first", async () => {
    oauth.pollOutcomes.push(PENDING, PENDING, AUTHORIZED);
    await start();
    let completedWhenNotified = 0;
    flow.events.on("viewChanged", (view) => {
      if (view.state === "authorized") completedWhenNotified = grantSink.completedCount;
    });
    await clock.advance(10_000);
    expect(oauth.polledAt).to.deep.equal([2, 4, 6]);
    expect(completedWhenNotified).to.equal(1);
    expect(flow.view).to.include({ state: "authorized", message: "Acme is authorized." });
    expect(flow.isOpen).to.equal(false);
  });

  it("increases the interval by five seconds with each slow_down", async () => {
    oauth.pollOutcomes.push(PENDING, { kind: "slowDown" }, PENDING, PENDING, AUTHORIZED);
    await start();
    await clock.advance(60_000);
    expect(oauth.polledAt).to.deep.equal([2, 4, 11, 18, 25]);
  });

  it("backs off while Webex is unreachable, returns to its interval, and respects 429", async () => {
    oauth.pollOutcomes.push(
      faultOf("webexUnreachable"),
      faultOf("webexError"),
      PENDING,
      new Fault("rateLimited", "Slow.", { retryAfterMs: 20_000 }),
      PENDING,
      AUTHORIZED,
    );
    await start();
    await clock.advance(120_000);
    expect(oauth.polledAt).to.deep.equal([2, 6, 14, 16, 36, 43]);
    expect(flow.view.state).to.equal("authorized");
  });

  it("ends if the person declines", async () => {
    oauth.pollOutcomes.push(PENDING, { kind: "denied" });
    await start();
    await clock.advance(10_000);
    expect(views.map((view) => view.state)).to.deep.equal(["denied"]);
    expect(flow.view.message).to.contain("Control Hub");
    expect(flow.isOpen).to.equal(false);
  });

  it("ends if Webex reports that the code has expired", async () => {
    oauth.pollOutcomes.push({ kind: "expired" });
    await start();
    await clock.advance(10_000);
    expect(flow.view.state).to.equal("expired");
  });

  it("ends at the deadline of the code, even if Webex is unreachable", async () => {
    for (let i = 0; i < 20; i += 1) oauth.pollOutcomes.push(faultOf("webexUnreachable"));
    await start();
    await clock.advance(299_999);
    expect(flow.view.state).to.equal("waiting");
    await clock.advance(1);
    expect(flow.view.state).to.equal("expired");
    expect(Math.max(...oauth.polledAt)).to.be.lessThan(300);
  });

  it("fails if Webex refuses the integration", async () => {
    oauth.pollOutcomes.push(faultOf("grantRefused", "Check the client secret."));
    await start();
    await clock.advance(5_000);
    expect(flow.view).to.include({
      state: "failed",
      message: "What grantRefused means. Check the client secret.",
    });
  });

  it("does not show the message of a defect", async () => {
    grantSink.faults.push(new Error("access-token-text") as Fault);
    oauth.pollOutcomes.push(AUTHORIZED);
    await start();
    await clock.advance(5_000);
    expect(flow.view.state).to.equal("failed");
    expect(flow.view.message).to.contain("See the log");
  });

  it("retries storing a grant while the keychain is locked", async () => {
    grantSink.faults.push(faultOf("keychainLocked"), faultOf("keychainLocked"));
    oauth.pollOutcomes.push(AUTHORIZED);
    await start();
    await clock.advance(5_000);
    expect(flow.view).to.include({ state: "waiting" });
    expect(flow.view.message).to.contain("What keychainLocked means.");
    await clock.advance(20_000);
    expect(flow.view.state).to.equal("authorized");
    expect(oauth.polledAt).to.deep.equal([2]);
  });

  it("stops at once, and is cancelled only if it was open", async () => {
    oauth.pollOutcomes.push(AUTHORIZED);
    await start();
    await flow.stop();
    await flow.stop();
    expect(views.map((view) => view.state)).to.deep.equal(["cancelled"]);
    await clock.advance(10_000);
    expect(oauth.polledAt).to.deep.equal([]);
  });

  it("does not start without a client or if Webex is unreachable", async () => {
    const without = new DeviceFlow({
      oauthContext: () => {
        throw faultOf("clientNotConfigured");
      },
      grantSink,
      clock,
      logger,
    });
    expect(await codeOf(without.start(new AbortController().signal))).to.equal(
      "clientNotConfigured",
    );
    oauth.deviceCode = faultOf("webexUnreachable");
    expect(await codeOf(start())).to.equal("webexUnreachable");
    expect(flow.isOpen).to.equal(false);
  });

  it("does not start if it was cancelled", async () => {
    expect(await codeOf(flow.start(AbortSignal.abort()))).to.equal("cancelled");
  });
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "nothing";
  } catch (thrown) {
    return (thrown as Fault).code;
  }
}
