import { expect } from "chai";
import fc from "fast-check";

import { FrameBuffer } from "../../../src/platform/json-rpc/frame-buffer.js";

const frame = (body: string): Buffer =>
  Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

describe("FrameBuffer", () => {
  it("frames any texts by their bytes, however many are taken at once", () => {
    const body = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "",
        "é".repeat(9),
        "é".repeat(50),
        "é".repeat(99),
        "🙂".repeat(33),
        "x\ud800y",
        "a".repeat(20_000),
        "ж".repeat(700_000),
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.array(body, { maxLength: 6 }), { maxLength: 4 }), (turns) => {
        const buffer = new FrameBuffer();
        const kept: [Buffer, Buffer][] = [];
        for (const bodies of turns) {
          for (const each of bodies) buffer.add(each);
          const expected = Buffer.concat(bodies.map(frame));
          expect(buffer.length).to.equal(expected.length);
          kept.push([buffer.drain(), expected]);
          expect(buffer.length).to.equal(0);
        }
        // What was taken stays as it was while others are added.
        for (const [taken, expected] of kept) expect(taken.equals(expected)).to.equal(true);
      }),
      { numRuns: 200 },
    );
  }).timeout(20_000);

  it("forgets what is not taken when told to", () => {
    const buffer = new FrameBuffer();
    buffer.add("gone");
    buffer.clear();
    buffer.add("{}");
    expect(buffer.drain().toString()).to.equal("Content-Length: 2\r\n\r\n{}");
  });
});
