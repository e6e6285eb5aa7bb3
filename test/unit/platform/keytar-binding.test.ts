import { PassThrough } from "node:stream";

import { expect } from "chai";

import { RequestIds, ValidatingReader } from "../../../src/platform/json-rpc/validating-reader.js";
import { withoutReading } from "../../../src/platform/keytar-binding.js";

const ignore = (): void => undefined;
const NO_CALLBACKS = {
  rejected: ignore,
  requestQueued: ignore,
  messageQueued: ignore,
  ended: ignore,
  failed: ignore,
};

describe("platform/keytar-binding: withoutReading", () => {
  it("stops reading while it loads, and then reads everything", async () => {
    const stream = new PassThrough();
    const received: string[] = [];
    stream.on("data", (chunk) => received.push(String(chunk)));
    const loaded = await withoutReading(stream, () => {
      expect(stream.isPaused()).to.equal(true);
      stream.write("message");
      return Promise.resolve("library");
    });
    expect(loaded).to.equal("library");
    await new Promise(setImmediate);
    expect(received).to.deep.equal(["message"]);
  });

  it("reads on if the library cannot be loaded", async () => {
    const stream = new PassThrough().resume();
    const fault = await withoutReading(stream, () => Promise.reject(new Error("refused"))).catch(
      (error: unknown) => error,
    );
    expect(fault).to.be.an("error").with.property("message", "refused");
    expect(stream.isPaused()).to.equal(false);
  });

  it("leaves a stream alone that nobody reads, or that somebody has paused", async () => {
    for (const stream of [new PassThrough(), new PassThrough().resume().pause()]) {
      const before = stream.readableFlowing;
      await withoutReading(stream, () => {
        expect(stream.readableFlowing).to.equal(before);
        return Promise.resolve();
      });
      expect(stream.readableFlowing).to.equal(before);
    }
  });

  it("leaves to the reader of the protocol what it decides meanwhile, and to the last to end", async () => {
    const stream = new PassThrough();
    const reader = new ValidatingReader(stream, new RequestIds(), NO_CALLBACKS);
    reader.listen(() => undefined);
    await withoutReading(stream, async () => {
      reader.isBusy = true;
    });
    expect(stream.isPaused(), "loaded while the reader is busy").to.equal(true);
    await withoutReading(stream, async () => {
      reader.isBusy = false;
      expect(stream.isPaused(), "the reader is busy no more, but the library loads").to.equal(true);
      await withoutReading(stream, async () => undefined);
      expect(stream.isPaused(), "another library has loaded").to.equal(true);
    });
    expect(stream.isPaused()).to.equal(false);
    await withoutReading(stream, async () => reader.dispose());
    expect(stream.isPaused(), "loaded after the reader's end").to.equal(true);
  });
});
