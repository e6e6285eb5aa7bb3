import { expect } from "chai";

import type {
  Channel,
  ChannelEndReason,
  ChannelHandlers,
  RequestCall,
  WireError,
} from "../../src/ports/channel.js";
import { settle } from "./clock-fake.js";

export interface ChannelHarness {
  readonly channel: Channel;
  request(id: string | number, method: string, params?: unknown): void;
  notify(method: string, params?: unknown): void;
  cancel(id: string | number): void;
  endInput(): void;
  stopReading(): void;
  resumeReading(): void;
  /** What the host has received: `[id, result or error code]` and `[method, params]`. */
  received(): Promise<[string | number, unknown][]>;
}

export function channelContract(name: string, make: () => ChannelHarness): void {
  describe(`Channel contract: ${name}`, () => {
    function listen(harness: ChannelHarness, request: ChannelHandlers["request"]) {
      const ends: ChannelEndReason[] = [];
      const notes: [string, unknown][] = [];
      harness.channel.listen(
        { request, notification: (method, params) => notes.push([method, params]) },
        (end) => ends.push(end),
      );
      return { ends, notes };
    }

    it("delivers requests and notifications, and returns the results", async () => {
      const harness = make();
      const { notes } = listen(harness, (method, params) => ({ method, params }));
      harness.request(0, "a", { n: 1 });
      harness.request("x", "b", [1]);
      harness.notify("c", { m: 2 });
      await settle();
      expect(await harness.received()).to.deep.equal([
        [0, { method: "a", params: { n: 1 } }],
        ["x", { method: "b", params: [1] }],
      ]);
      expect(notes).to.deep.equal([["c", { m: 2 }]]);
    });

    it("answers undefined with null, and failures with their code", async () => {
      const harness = make();
      listen(harness, (method) => {
        const error: WireError & Error = Object.assign(new Error("m"), { code: 1104 });
        if (method === "throws") throw error;
        return method === "rejects" ? Promise.reject(error) : undefined;
      });
      harness.request(1, "nothing");
      harness.request(2, "throws");
      harness.request(3, "rejects");
      await settle();
      expect(await harness.received()).to.have.deep.members([
        [1, null],
        [2, 1104],
        [3, 1104],
      ]);
    });

    it("answers requests as they finish, and both of two with the same id", async () => {
      const harness = make();
      const finish: (() => void)[] = [];
      listen(
        harness,
        (_method, params) => new Promise((resolve) => finish.push(() => resolve(params))),
      );
      harness.request(1, "a", { n: 1 });
      harness.request(1, "a", { n: 2 });
      await settle();
      finish[1]!();
      await settle();
      finish[0]!();
      await settle();
      expect(await harness.received()).to.deep.equal([
        [1, { n: 2 }],
        [1, { n: 1 }],
      ]);
    });

    it("signals a cancellation", async () => {
      const harness = make();
      let call: RequestCall | null = null;
      listen(harness, (_method, _params, requestCall) => {
        call = requestCall;
        return new Promise((_resolve, reject) => {
          requestCall.signal.addEventListener("abort", () =>
            reject(Object.assign(new Error("cancelled"), { code: -32800 })),
          );
        });
      });
      harness.request(9, "slow");
      await settle();
      expect(call!.isCancelled).to.equal(false);
      harness.cancel(8);
      await settle();
      expect(call!.isCancelled).to.equal(false);
      harness.cancel(9);
      await settle();
      expect(call!.isCancelled).to.equal(true);
      expect(await harness.received()).to.deep.equal([[9, -32800]]);
    });

    it("ends once with the input, cancels live requests and sends nothing more", async () => {
      const harness = make();
      let call: RequestCall | null = null;
      const { ends } = listen(harness, (_method, _params, requestCall) => {
        call = requestCall;
        return new Promise(() => undefined);
      });
      harness.request(1, "slow");
      await settle();
      harness.endInput();
      await settle();
      harness.channel.notify("late", {});
      await settle();
      expect(ends).to.deep.equal(["inputEnded"]);
      expect(call!.signal.aborted).to.equal(true);
      expect(await harness.received()).to.deep.equal([]);
    });

    it("is congested while the peer does not read, and emits drained when it reads again", async () => {
      const harness = make();
      listen(harness, () => null);
      let drains = 0;
      const dispose = harness.channel.events.on("drained", () => (drains += 1));
      expect(harness.channel.isCongested).to.equal(false);
      harness.stopReading();
      harness.channel.notify("big", { text: "x".repeat(100_000) });
      await settle();
      expect(harness.channel.isCongested).to.equal(true);
      harness.resumeReading();
      await settle();
      expect(harness.channel.isCongested).to.equal(false);
      expect(drains).to.equal(1);
      dispose();
      await harness.channel.flush(1_000);
      expect((await harness.received()).map(([what]) => what)).to.deep.equal(["big"]);
    });
  });
}
