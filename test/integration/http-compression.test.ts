import { expect } from "chai";
import type { OutgoingHttpHeaders } from "node:http";
import { inspect } from "node:util";
import * as zlib from "node:zlib";

import type { Http, HttpRequest, HttpResponse } from "../../src/ports/http.js";
import {
  TestServer,
  expectUnreachable,
  faultOf,
  getRequest,
  openHttp,
} from "../support/http-fixture.js";
import { ECHO_FORMS, ECHOED, findEcho } from "../support/secret-echo-fixture.js";
import { skip } from "../support/windows-fixture.js";

const MIB = 1024 * 1024;
/** Compresses about 1:7, as people do. */
const PAGE = JSON.stringify(
  Array.from({ length: 8_000 }, (_, index) => ({
    id: Buffer.from(`ciscospark://us/PEOPLE/${index * 7919}`).toString("base64"),
    emails: [`user${index}@example.com`],
    status: index % 3 === 0 ? "active" : "inactive",
  })),
);
const { createZstdCompress, zstdCompressSync } = zlib as typeof zlib & {
  readonly createZstdCompress?: unknown;
  readonly zstdCompressSync?: (data: string) => Buffer;
};

interface Answer {
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly chunks?: readonly (string | Uint8Array)[];
  /** Ends the connection in the middle of the body. */
  readonly breaksOff?: boolean;
}

describe("AxiosHttp with compressed responses", () => {
  let http: Http;
  let server: TestServer;
  let answer: Answer;

  before(async () => {
    server = await new TestServer((_request, response) => {
      const { status = 200, headers = {}, chunks = [], breaksOff = false } = answer;
      response.writeHead(status, headers);
      for (const chunk of chunks) response.write(chunk);
      if (breaksOff) setImmediate(() => response.destroy());
      else response.end();
    }).start();
  });
  after(() => server.stop());
  beforeEach(() => {
    http = openHttp();
  });
  afterEach(() => http.close());

  const get = (next: Answer, changes: Partial<HttpRequest> = {}): Promise<HttpResponse> => {
    answer = next;
    return http.send(getRequest(server.url("/"), { maxBytes: 64 * MIB, ...changes }));
  };
  const text = ({ body }: HttpResponse): string => new TextDecoder().decode(body);
  const encoded = (coding: string | string[], ...chunks: (string | Uint8Array)[]): Answer => ({
    headers: { "Content-Encoding": coding },
    chunks,
  });
  const inPieces = (bytes: Uint8Array, size: number): Uint8Array[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
  const gzip = (data: string | Uint8Array): Buffer => zlib.gzipSync(data, { level: 1 });
  const brotli = (data: string | Uint8Array): Buffer =>
    zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } });

  const readable: Readonly<Record<string, () => Answer>> = {
    gzip: () => encoded("gzip", gzip(PAGE)),
    "gzip in small pieces": () => encoded("gzip", ...inPieces(gzip(PAGE), 1_000)),
    "gzip of several members": () =>
      encoded("gzip", gzip(PAGE.slice(0, 1_000)), gzip(PAGE.slice(1_000))),
    "x-gzip, in capitals": () => encoded("X-GZip", gzip(PAGE)),
    br: () => encoded("br", brotli(PAGE)),
    "identity beside gzip": () => encoded("identity, gzip", gzip(PAGE)),
    identity: () => encoded("identity", PAGE),
    "an empty Content-Encoding": () => encoded("", PAGE),
  };
  for (const [name, content] of Object.entries(readable))
    it(`reads ${name}`, async () => {
      expect(text(await get(content())) === PAGE).to.equal(true);
      const buffer = { bytes: new Uint8Array(0) };
      const response = await get(content(), { buffer });
      expect(text(response) === PAGE).to.equal(true);
      expect(response.body.buffer).to.equal(buffer.bytes.buffer);
    });

  it("reads zstd where this Node can", async function () {
    if (createZstdCompress === undefined || zstdCompressSync === undefined)
      skip(this, "this Node.js has no zstd");
    expect(text(await get(encoded("zstd", zstdCompressSync(PAGE)))) === PAGE).to.equal(true);
  });

  it("reads an empty body, whatever coding it names", async () => {
    for (const coding of ["gzip", "br"]) {
      for (const status of [200, 204, 404]) {
        const response = await get({ ...encoded(coding), status });
        expect([response.status, response.body.length], coding).to.deep.equal([status, 0]);
      }
    }
  });

  it("keeps the connection after a compressed response", async () => {
    const before = server.connections;
    for (let i = 0; i < 3; i += 1) await get(encoded("gzip", gzip(PAGE)));
    expect(server.connections - before).to.equal(1);
  });

  const undecodable: Readonly<Record<string, readonly [() => Answer, RegExp]>> = {
    "an unknown coding": [
      () => encoded("aws-chunked", PAGE),
      /is encoded as "aws-chunked", which was not asked for/,
    ],
    "a coding that was not asked for": [
      () => encoded("deflate", zlib.deflateSync(PAGE)),
      /is encoded as "deflate", which was not asked for/,
    ],
    "two codings": [() => encoded("br, gzip", gzip(PAGE)), /is encoded as "br, gzip"/],
    "two headers": [
      () => encoded(["gzip", "gzip"], gzip(gzip(PAGE))),
      /is encoded as "gzip, gzip"/,
    ],
    "a coding of control characters": [
      () => encoded(`\u00fc\t${"x".repeat(500)}`, PAGE),
      /^.{0,250}$/,
    ],
    "gzip that is not": [
      () => encoded("gzip", PAGE),
      /is damaged: it cannot be decompressed \(Z_DATA_ERROR\)/,
    ],
    "gzip that ends too early": [
      () => encoded("gzip", gzip(PAGE).subarray(0, 5_000)),
      /ends in the middle of its compressed data \(Z_BUF_ERROR\)/,
    ],
    "gzip with a wrong checksum": [
      () => encoded("gzip", Buffer.concat([gzip(PAGE).subarray(0, -8), Buffer.alloc(8)])),
      /is damaged: it cannot be decompressed/,
    ],
    "br that ends too early": [
      () => encoded("br", brotli(PAGE).subarray(0, 5_000)),
      /ends in the middle of its compressed data/,
    ],
    "a gzip bomb": [
      () => encoded("gzip", gzip(Buffer.alloc(32 * MIB, " "))),
      /inflates to more than 200 times its size/,
    ],
    "a br bomb": [
      () => encoded("br", brotli(Buffer.alloc(8 * MIB, " "))),
      /inflates to more than 200 times its size/,
    ],
  };
  for (const [form, echo] of Object.entries(ECHO_FORMS)) {
    it(`does not quote a secret of the request, ${form}`, async () => {
      const sent = { headers: { "Content-Encoding": echo, Server: echo, Via: `1.1 ${echo}` } };
      const fault = await faultOf(get(sent, { secrets: [ECHOED] }));
      expect(fault.message).to.contain("which was not asked for (sent by");
      expect(findEcho(inspect(fault, { depth: 10, showHidden: true }))).to.equal(null);
    });
  }

  for (const [name, [content, sentence]] of Object.entries(undecodable)) {
    it(`says what is wrong with ${name}, and who sent it`, async () => {
      const { headers, chunks = [] } = content();
      const sent = { headers: { ...headers, Server: "Acme-Gateway/1.0", Via: "1.1 box" }, chunks };
      const fault = await faultOf(get(sent));
      expect([fault.code, fault.data.reason]).to.deep.equal(["webexError", "encoding"]);
      expect(fault.message).to.match(sentence);
      expect(fault.message).to.match(/^The response of 127\.0\.0\.1:\d+ /);
      expect(fault.message).to.match(/ \(sent by Acme-Gateway\/1\.0, via 1\.1 box\)\.$/);
      expect(fault.hint).to.contain("proxy");
      expect(text(await get(encoded("gzip", gzip("next"))))).to.equal("next");
    });
    it(`returns an error response with ${name} without its body`, async () => {
      const response = await get({ ...content(), status: 429 });
      expect([response.status, response.body.length]).to.deep.equal([429, 0]);
    });
  }

  it("accepts what compresses well up to 1 MiB", async () => {
    const spaces = Buffer.alloc(MIB, " ");
    expect((await get(encoded("gzip", gzip(spaces)))).body.length).to.equal(MIB);
  });

  it("limits what comes out, not what comes in", async () => {
    const limited = { maxBytes: PAGE.length - 1 };
    const fault = await faultOf(get(encoded("gzip", gzip(PAGE)), limited));
    expect(fault.message).to.contain(`exceeds the limit of ${PAGE.length - 1} bytes`);
    const exact = await get(encoded("gzip", gzip(PAGE)), { maxBytes: PAGE.length });
    expect(exact.body.length).to.equal(PAGE.length);
  });

  it("does not read what is announced to be too long", async () => {
    for (const headers of [{}, { "Content-Encoding": "gzip" }]) {
      const content = { headers: { ...headers, "Content-Length": 40_000 }, chunks: ["x"] };
      const fault = await faultOf(get({ ...content, breaksOff: true }, { maxBytes: 39_999 }));
      expect(fault.message).to.contain("exceeds the limit of 39999 bytes");
    }
  });

  it("reports a connection that closes in the middle of a compressed response", async () => {
    const half = gzip(PAGE).subarray(0, 20_000);
    const headers = { "Content-Encoding": "gzip", "Content-Length": 40_000 };
    const sending = get({ headers, chunks: [half], breaksOff: true });
    const fault = await expectUnreachable(sending, "reset");
    expect(fault.message).to.contain("in the middle of a response");
  });
});
