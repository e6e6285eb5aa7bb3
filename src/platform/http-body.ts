import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";

import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpRequest } from "../ports/http.js";
import { sanitize } from "../faults/foreign-text.js";
import { lazyZlib } from "./lazy-modules.js";

/** A reusable buffer that has grown larger is released, because few bodies need that size. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
/** Up to this size, a body may be compressed however well. */
const UNLIMITED_RATIO_BYTES = 1024 * 1024;
/** People as JSON compress 1:7. */
const MAX_RATIO = 200;
/** Of the decoder's output: zlib's default of 16 KiB costs a page three times the time. */
const PAGE_CHUNK_BYTES = 256 * 1024;
const SMALL_CHUNK_BYTES = 16 * 1024;

const MAX_HEADER_LENGTH = 80;

interface DecoderOptions {
  readonly chunkSize: number;
}

/** The content codings (RFC 9110 8.4.1) that this Node can decode. */
function decoders(): ReadonlyMap<string, (options: DecoderOptions) => Transform> {
  const zlib = lazyZlib() as ReturnType<typeof lazyZlib> & {
    /** From Node 22.15. */
    readonly createZstdDecompress?: (options: DecoderOptions) => Transform;
  };
  const { createBrotliDecompress, createGunzip, createZstdDecompress } = zlib;
  return new Map<string, (options: DecoderOptions) => Transform>([
    ["gzip", createGunzip],
    ["br", createBrotliDecompress],
    ...(createZstdDecompress === undefined ? [] : [["zstd", createZstdDecompress] as const]),
  ]);
}

/** The value of `Accept-Encoding`. */
export function acceptedCodings(): string {
  return [...decoders().keys()].join(", ");
}

interface BodyOptions extends Pick<HttpRequest, "maxBytes" | "buffer"> {
  readonly secrets: readonly Secret[];
  /** The server, as `host[:port]`. */
  readonly target: string;
  readonly signal: AbortSignal;
  readonly onBytes: () => void;
}

/**
 * Reads and decodes the body of a response. Rejects with the stream's error, with the signal's
 * reason, or with a `Fault` `webexError` if the body is too long, or is not compressed as
 * requested. An error response is worth more than its body: that is read as empty if it cannot be
 * decoded.
 */
export async function readBody(
  response: IncomingMessage,
  options: BodyOptions,
): Promise<Uint8Array> {
  try {
    return await collect(response, options);
  } catch (error) {
    const { statusCode = 0 } = response;
    const isSuccess = statusCode >= 200 && statusCode < 300;
    if (error instanceof UndecodableBody) {
      if (!isSuccess) return new Uint8Array(0);
      throw error.toFault(response, options);
    }
    throw error;
  }
}

function collect(response: IncomingMessage, options: BodyOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const { maxBytes, buffer = { bytes: new Uint8Array(0) }, signal, onBytes } = options;
    const chunkSize = options.buffer === undefined ? SMALL_CHUNK_BYTES : PAGE_CHUNK_BYTES;
    let receivedBytes = 0;
    let decoder: Transform | null = null;
    let { bytes } = buffer;
    let length = 0;
    const reserve = (needed: number): void => {
      if (needed <= bytes.length) return;
      const grown = new Uint8Array(Math.max(needed, bytes.length * 2));
      grown.set(bytes.subarray(0, length));
      bytes = grown;
    };
    const onData = (chunk: Buffer): void => {
      const needed = length + chunk.length;
      if (needed > maxBytes) {
        fail(tooLong(maxBytes));
        return;
      }
      if (needed > UNLIMITED_RATIO_BYTES && needed > MAX_RATIO * receivedBytes) {
        fail(new UndecodableBody(`inflates to more than ${MAX_RATIO} times its size`));
        return;
      }
      reserve(needed);
      bytes.set(chunk, length);
      length = needed;
    };
    const finish = (): void => {
      buffer.bytes = bytes.length <= MAX_KEPT_BYTES ? bytes : new Uint8Array(0);
      resolve(bytes.subarray(0, length));
    };
    let source: Readable = response;
    // Nothing is written to the buffer after that: the next request may use it.
    const fail = (error: Error): void => {
      source.off("data", onData);
      response.destroy();
      decoder?.destroy();
      reject(error);
    };
    signal.addEventListener("abort", () => fail(signal.reason as Fault), { once: true });
    response.on("data", (chunk: Buffer) => {
      receivedBytes += chunk.length;
      onBytes();
    });
    response.once("error", fail);
    // A connection may end in the middle without an error.
    response.once("close", () => {
      if (response.readableEnded) return;
      fail(Object.assign(new Error("The connection ended."), { code: "ECONNRESET" }));
    });
    try {
      decoder = createDecoder(response, chunkSize, options.secrets);
    } catch (error) {
      fail(error as UndecodableBody);
      return;
    }
    const contentLength = Number(response.headers["content-length"]);
    if (contentLength > maxBytes) {
      fail(tooLong(maxBytes));
      return;
    }
    if (decoder === null) {
      if (contentLength > 0) reserve(contentLength);
    } else {
      source = response.pipe(decoder);
      source.once("error", (error: NodeJS.ErrnoException) => {
        // Some servers name a coding also for an empty body.
        if (receivedBytes === 0 && response.readableEnded) finish();
        else fail(new UndecodableBody(describeDamage(error.code ?? "")));
      });
    }
    source.on("data", onData);
    source.once("end", finish);
  });
}

function tooLong(maxBytes: number): Fault {
  return new Fault("webexError", `A response of Webex exceeds the limit of ${maxBytes} bytes.`);
}

/** The codes are zlib's and Brotli's, and each Node has others. */
function describeDamage(code: string): string {
  const damage =
    code === "Z_BUF_ERROR"
      ? "ends in the middle of its compressed data"
      : "is damaged: it cannot be decompressed";
  return code === "" ? damage : `${damage} (${code})`;
}

/** Returns null for a body that is not compressed. Throws an `UndecodableBody`. */
function createDecoder(
  { headers }: IncomingMessage,
  chunkSize: number,
  secrets: readonly Secret[],
): Transform | null {
  const codings = (headers["content-encoding"] ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  const [coding] = codings;
  if (coding === undefined) return null;
  // RFC 9110 8.4.1.3: `x-gzip` is the same.
  const create = decoders().get(coding === "x-gzip" ? "gzip" : coding);
  if (create !== undefined && codings.length === 1) return create({ chunkSize });
  const named = sanitize(codings.join(", "), secrets, MAX_HEADER_LENGTH);
  throw new UndecodableBody(`is encoded as "${named}", which was not asked for`);
}

/** `message` continues the sentence "The response of … ". */
class UndecodableBody extends Error {
  toFault({ headers }: IncomingMessage, { target, secrets }: BodyOptions): Fault {
    const { server = "", via = "" } = headers;
    const sender = [server, via === "" ? "" : `via ${via}`]
      .map((text) => sanitize(String(text), secrets, MAX_HEADER_LENGTH))
      .filter((text) => text !== "");
    const from = sender.length === 0 ? "" : ` (sent by ${sender.join(", ")})`;
    return new Fault("webexError", `The response of ${target} ${this.message}${from}.`, {
      hint: "Check whether a proxy or a firewall changes the responses of Webex, and exempt Webex from that.",
      data: { reason: "encoding" },
      cause: this,
    });
  }
}
