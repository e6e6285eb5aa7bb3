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

  it("shows what to type where, and until when", async () => {
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

  it("asks at the interval until authorized, and keeps the grant before it says so", async () => {
    oauth.deviceAnswers.push(PENDING, PENDING, AUTHORIZED);
    await start();
    let completedWhenTold = 0;
    flow.events.on("viewChanged", (view) => {
      if (view.state === "authorized") completedWhenTold = grantSink.completedCount;
    });
    await clock.advance(10_000);
    expect(oauth.polledAt).to.deep.equal([2, 4, 6]);
    expect(completedWhenTold).to.equal(1);
    expect(flow.view).to.include({ state: "authorized", message: "Acme is authorized." });
    expect(flow.isOpen).to.equal(false);
  });

  it("slows down by five seconds for good when told to", async () => {
    oauth.deviceAnswers.push(PENDING, { kind: "slowDown" }, PENDING, PENDING, AUTHORIZED);
    await start();
    await clock.advance(60_000);
    expect(oauth.polledAt).to.deep.equal([2, 4, 11, 18, 25]);
  });

  it("backs off while Webex is out of reach, returns to its interval after, and honours 429", async () => {
    oauth.deviceAnswers.push(
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

  it("ends when the person declines", async () => {
    oauth.deviceAnswers.push(PENDING, { kind: "denied" });
    await start();
    await clock.advance(10_000);
    expect(views.map((view) => view.state)).to.deep.equal(["denied"]);
    expect(flow.view.message).to.contain("Control Hub");
    expect(flow.isOpen).to.equal(false);
  });

  it("ends when Webex says the code is too old", async () => {
    oauth.deviceAnswers.push({ kind: "expired" });
    await start();
    await clock.advance(10_000);
    expect(flow.view.state).to.equal("expired");
  });

  it("ends at the code's own deadline, also when Webex cannot be asked", async () => {
    for (let i = 0; i < 20; i += 1) oauth.deviceAnswers.push(faultOf("webexUnreachable"));
    await start();
    await clock.advance(299_999);
    expect(flow.view.state).to.equal("waiting");
    await clock.advance(1);
    expect(flow.view.state).to.equal("expired");
    expect(Math.max(...oauth.polledAt)).to.be.lessThan(300);
  });

  it("fails for good when Webex refuses the integration", async () => {
    oauth.deviceAnswers.push(faultOf("grantRefused", "Check the client secret."));
    await start();
    await clock.advance(5_000);
    expect(flow.view).to.include({
      state: "failed",
      message: "What grantRefused means. Check the client secret.",
    });
  });

  it("tells a defect without its text", async () => {
    grantSink.faults.push(new Error("access-token-text") as Fault);
    oauth.deviceAnswers.push(AUTHORIZED);
    await start();
    await clock.advance(5_000);
    expect(flow.view.state).to.equal("failed");
    expect(flow.view.message).to.contain("log says why");
  });

  it("keeps trying to store a grant while the keychain is locked", async () => {
    grantSink.faults.push(faultOf("keychainLocked"), faultOf("keychainLocked"));
    oauth.deviceAnswers.push(AUTHORIZED);
    await start();
    await clock.advance(5_000);
    expect(flow.view).to.include({ state: "waiting" });
    expect(flow.view.message).to.contain("What keychainLocked means.");
    await clock.advance(20_000);
    expect(flow.view.state).to.equal("authorized");
    expect(oauth.polledAt).to.deep.equal([2]);
  });

  it("stops at once, and says cancelled only if it was open", async () => {
    oauth.deviceAnswers.push(AUTHORIZED);
    await start();
    await flow.stop();
    await flow.stop();
    expect(views.map((view) => view.state)).to.deep.equal(["cancelled"]);
    await clock.advance(10_000);
    expect(oauth.polledAt).to.deep.equal([]);
  });

  it("does not begin without a client or with Webex out of reach", async () => {
    const without = new DeviceFlow({
      oauthContext: () => {
        throw faultOf("clientNotConfigured");
      },
      grantSink,
      clock,
      logger,
    });
    expect(await refused(without.start(new AbortController().signal))).to.equal(
      "clientNotConfigured",
    );
    oauth.deviceCode = faultOf("webexUnreachable");
    expect(await refused(start())).to.equal("webexUnreachable");
    expect(flow.isOpen).to.equal(false);
  });

  it("does not begin once called off", async () => {
    expect(await refused(flow.start(AbortSignal.abort()))).to.equal("cancelled");
  });
});

async function refused(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "nothing";
  } catch (thrown) {
    return (thrown as Fault).code;
  }
}
