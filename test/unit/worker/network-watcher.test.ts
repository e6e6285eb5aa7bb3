import { expect } from "chai";

import { NetworkWatcher } from "../../../src/worker/network-watcher.js";
import { FakeClock } from "../../support/clock-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

function createHarness() {
  const clock = new FakeClock();
  const state = { addresses: ["eth0 192.0.2.1"], isFailing: false, retries: 0, readings: 0 };
  const watcher = new NetworkWatcher({
    readAddresses: () => {
      state.readings += 1;
      return state.addresses;
    },
    isFailing: () => state.isFailing,
    retry: () => {
      state.retries += 1;
    },
    clock,
    logger: new RecordingLogger(),
  });
  watcher.start();
  return { clock, state, watcher };
}

describe("worker/network-watcher", () => {
  it("has Webex tried again when the addresses change while it fails, once per change", async () => {
    const { clock, state } = createHarness();
    await clock.advance(4_000);
    state.isFailing = true;
    await clock.advance(10_000);
    expect(state.retries).to.equal(0);
    state.addresses = [];
    await clock.advance(2_000);
    expect(state.retries).to.equal(1);
    await clock.advance(60_000);
    expect(state.retries).to.equal(1);
    state.addresses = ["wlan0 198.51.100.7"];
    await clock.advance(2_000);
    expect(state.retries).to.equal(2);
  });

  it("does the same if the failure shows after the change", async () => {
    const { clock, state } = createHarness();
    await clock.advance(4_000);
    state.addresses = ["wlan0 198.51.100.7"];
    await clock.advance(10_000);
    state.isFailing = true;
    await clock.advance(2_000);
    expect(state.retries).to.equal(1);
    await clock.advance(60_000);
    expect(state.retries).to.equal(1);
  });

  it("has Webex tried again once a minute while an interface comes and goes", async () => {
    const { clock, state } = createHarness();
    await clock.advance(4_000);
    state.isFailing = true;
    for (let seconds = 0; seconds < 180; seconds += 4) {
      state.addresses = seconds % 8 === 0 ? [] : ["tun0 10.9.9.9"];
      await clock.advance(4_000);
    }
    expect(state.retries).to.equal(3);
  });

  it("leaves a working connection alone, and a failure long after the change", async () => {
    const { clock, state } = createHarness();
    await clock.advance(4_000);
    state.addresses = ["wlan0 198.51.100.7"];
    await clock.advance(100_000);
    expect(state.retries).to.equal(0);
    expect(state.readings).to.be.at.most(5);
    state.isFailing = true;
    await clock.advance(10_000);
    expect(state.retries).to.equal(0);
  });

  it("has Webex polled after a suspension, but not after a correction of the clock", async () => {
    const { clock, state } = createHarness();
    await clock.advance(4_000);
    clock.jumpWall(3_000);
    await clock.advance(4_000);
    expect(state.retries).to.equal(0);
    clock.suspend(600_000);
    await clock.advance(2_000);
    expect(state.retries).to.equal(1);
    await clock.advance(60_000);
    expect(state.retries).to.equal(1);
  });

  it("has Webex polled once a minute by a clock that goes to and fro", async () => {
    const { clock, state } = createHarness();
    await clock.advance(4_000);
    for (let seconds = 0; seconds < 120; seconds += 4) {
      clock.suspend(20_000);
      await clock.advance(4_000);
    }
    expect(state.retries).to.equal(2);
  });

  it("survives a system that tells no addresses", async () => {
    const { clock, state } = createHarness();
    state.isFailing = true;
    Object.defineProperty(state, "addresses", {
      get: () => {
        throw new Error("uv_interface_addresses");
      },
    });
    await clock.advance(10_000);
    expect([state.retries, state.readings]).to.deep.equal([0, 5]);
  });

  it("leaves no timer behind", async () => {
    const { clock, watcher } = createHarness();
    await clock.advance(10_000);
    watcher.stop();
    expect(clock.pendingTimers).to.equal(0);
  });
});
