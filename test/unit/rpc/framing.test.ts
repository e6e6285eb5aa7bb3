import { expect } from "chai";
import fc from "fast-check";

import {
  FrameBuffer,
  FrameParser,
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
} from "../../../src/platform/json-rpc/framing.js";

type Event = { readonly body: string } | { readonly broken: true };

function parse(...chunks: (string | Buffer)[]): Event[] {
  const events: Event[] = [];
  const parser = new FrameParser({
    body: (bytes) => events.push({ body: bytes.toString("latin1") }),
    invalid: () => events.push({ broken: true }),
  });
  for (const chunk of chunks) parser.push(Buffer.from(chunk as string, "latin1"));
  return events;
}

const BROKEN: Event[] = [{ broken: true }];
/** The UTF-8 byte order mark. */
const MARK = "\xef\xbb\xbf";

describe("FrameParser", () => {
  it("splits bodies by their length, whatever the case and order of the headers", () => {
    expect(
      parse(
        "content-LENGTH:2\r\nX-Other: y: z\r\n\r\nabContent-Length:\t 0 \r\n\r\nContent-Length: 1\r\n\r\nc",
      ),
    ).to.deep.equal([{ body: "ab" }, { body: "" }, { body: "c" }]);
  });

  it("accepts both names of UTF-8, also in quotes, and no other charset", () => {
    for (const charset of ["utf-8", "utf8", "UTF-8", '"utf-8"']) {
      const header = `Content-Type: application/vscode-jsonrpc; charset=${charset}\r\nContent-Length: 1\r\n\r\n`;
      expect(parse(`${header}a`), charset).to.deep.equal([{ body: "a" }]);
    }
    expect(parse("Content-Type: application/json\r\nContent-Length: 1\r\n\r\na")).to.deep.equal([
      { body: "a" },
    ]);
    expect(
      parse("Content-Length: 1\r\nContent-Type: application/json; charset=utf-16\r\n"),
    ).to.deep.equal(BROKEN);
  });

  it("passes over a byte order mark before any header, however it is split", () => {
    const message = `${MARK}Content-Length: 2\r\n\r\nab`;
    const expected = [{ body: "ab" }, { body: "ab" }];
    expect(parse(`${message}${message}`)).to.deep.equal(expected);
    expect(parse(...Array.from(`${message}${message}`))).to.deep.equal(expected);
  });

  const broken: Record<string, string> = {
    "a stray line, before the header's end": "starting up...\r\n",
    "a line without a colon": "Content-Length\r\n",
    "a name that is not a token": "Content Length: 1\r\n",
    "a space before the colon": "Content-Length : 1\r\n",
    "no name": ": 1\r\n",
    "a folded line": "X: y\r\n z\r\n",
    "a bare LF": "Content-Length: 1\n",
    "a lone CR": "Content-Length: 1\rX",
    "an empty header": "\r\n",
    "no Content-Length": "X: y\r\n\r\n",
    "two Content-Lengths": "Content-Length: 1\r\nContent-Length: 1\r\n",
    "a negative length": "Content-Length: -1\r\n",
    "a signed length": "Content-Length: +1\r\n",
    "a length with a unit": "Content-Length: 1k\r\n",
    "a fractional length": "Content-Length: 1.0\r\n",
    "a hexadecimal length": "Content-Length: 0x10\r\n",
    "an empty length": "Content-Length:\r\n",
    "one byte too many": `Content-Length: ${MAX_BODY_BYTES + 1}\r\n`,
    "an absurd length": `Content-Length: ${"9".repeat(400)}\r\n`,
    "raw JSON": '{"jsonrpc"',
    "a part of a byte order mark": `\xef\xbbContent-Length: 1\r\n`,
    "two byte order marks": `${MARK}${MARK}Content-Length: 1\r\n`,
    "a byte order mark between two header lines": `X: y\r\n${MARK}Content-Length: 1\r\n`,
    "a UTF-16 byte order mark": "\xff\xfeC\0",
    "a header over 8 KiB without an end": "a".repeat(MAX_HEADER_BYTES + 1),
    "many short lines over 8 KiB": "X: y\r\n".repeat(MAX_HEADER_BYTES / 6 + 1),
  };
  for (const [name, text] of Object.entries(broken)) {
    it(`rejects ${name} at once, and once`, () => {
      expect(parse(text)).to.deep.equal(BROKEN);
      expect(parse(text, "Content-Length: 1\r\n\r\na")).to.deep.equal(BROKEN);
    });
  }

  it("accepts the largest length and the longest header", () => {
    expect(parse(`Content-Length: ${MAX_BODY_BYTES}\r\n\r\nabc`)).to.deep.equal([]);
    const header = "Content-Length: 1\r\nX: ";
    const full = `${header}${"a".repeat(MAX_HEADER_BYTES - header.length - 4)}\r\n\r\n`;
    expect(full).to.have.length(MAX_HEADER_BYTES);
    expect(
      parse(`${full}${full.replace("1", "2")}`.replace("\r\n\r\n", "\r\n\r\na")),
    ).to.deep.equal([{ body: "a" }]);
    expect(parse("a".repeat(MAX_HEADER_BYTES))).to.deep.equal([]);
  });

  it("parses independently of the chunks", () => {
    const good = fc
      .string({ unit: "binary-ascii", maxLength: 40 })
      .map((body) => `Content-Length: ${body.length}\r\n\r\n${body}`);
    const marked = good.map((message) => `${MARK}${message}`);
    const any = fc.oneof(
      { weight: 6, arbitrary: good },
      { weight: 2, arbitrary: marked },
      fc.constantFrom(...Object.values(broken)).filter((t) => t.length < 100),
    );
    fc.assert(
      fc.property(
        fc.array(any, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (parts, sizes) => {
          const stream = parts.join("");
          const chunks: string[] = [];
          for (let at = 0, i = 0; at < stream.length; i += 1) {
            const size = sizes[i % sizes.length]!;
            chunks.push(stream.slice(at, at + size));
            at += size;
          }
          expect(parse(...chunks)).to.deep.equal(parse(stream));
        },
      ),
    );
  });

  it("reads a large body in linear time", () => {
    const events: number[] = [];
    const parser = new FrameParser({
      body: (bytes) => events.push(bytes.length),
      invalid: () => events.push(-1),
    });
    parser.push(Buffer.from(`Content-Length: ${MAX_BODY_BYTES}\r\n\r\n`));
    const chunk = Buffer.alloc(4_096, 32);
    const started = performance.now();
    for (let sent = 0; sent < MAX_BODY_BYTES; sent += chunk.length) parser.push(chunk);
    expect(events).to.deep.equal([MAX_BODY_BYTES]);
    // 16,384 chunks; copying the bytes so far for each of them would move half a terabyte.
    expect(performance.now() - started).to.be.below(5_000);
  });
});

const frame = (body: string): Buffer =>
  Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

describe("FrameBuffer", () => {
  it("frames texts by their length in bytes, in batches of any size", () => {
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
        // Later additions do not change a drained batch.
        for (const [taken, expected] of kept) expect(taken.equals(expected)).to.equal(true);
      }),
      { numRuns: 200 },
    );
  }).timeout(20_000);

  it("drops undrained messages on clear", () => {
    const buffer = new FrameBuffer();
    buffer.add("dropped");
    buffer.clear();
    buffer.add("{}");
    expect(buffer.drain().toString()).to.equal("Content-Length: 2\r\n\r\n{}");
  });
});
