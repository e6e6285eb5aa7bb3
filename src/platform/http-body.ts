import type { IncomingMessage } from "node:http";

import type { ReusableBuffer, HttpRequest } from "../ports/http.js";
import { responseTooLargeFault } from "./http-faults.js";

/** A room is not kept at a size that few bodies need. */
const LARGEST_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * The whole body. Rejects with what the stream fails with, or with a `Fault` `webexError` once it is longer than `maxBytes`. Nothing is
 * written into the room after that.
 */
export function readBody(
  response: IncomingMessage,
  { maxBytes, buffer: room }: HttpRequest,
): Promise<Uint8Array> {
  const body =
    room === undefined
      ? new ChunkedBody()
      : new ReusedBufferBody(room, Number(response.headers["content-length"]), maxBytes);
  return new Promise((resolve, reject) => {
    let length = 0;
    const onChunk = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= maxBytes) body.add(chunk);
      else fail(responseTooLargeFault(maxBytes));
    };
    const fail = (error: Error): void => {
      response.off("data", onChunk);
      response.destroy();
      reject(error);
    };
    response.on("data", onChunk);
    response.once("end", () => resolve(body.finish()));
    response.once("error", fail);
    // A connection that ends in the middle may do so without an error; after "end" this changes nothing.
    response.once("close", () =>
      fail(Object.assign(new Error("The connection ended."), { code: "ECONNRESET" })),
    );
  });
}

class ChunkedBody {
  readonly #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  finish(): Uint8Array {
    return this.#chunks.length === 1 && this.#chunks[0] !== undefined
      ? this.#chunks[0]
      : Buffer.concat(this.#chunks);
  }
}

/** V8 clears away buffers together with the whole heap: one for all pages spares half of that. */
class ReusedBufferBody {
  readonly #buffer: ReusableBuffer;
  #bytes: Uint8Array;
  #length = 0;

  constructor(room: ReusableBuffer, contentLength: number, maxBytes: number) {
    this.#buffer = room;
    this.#bytes = room.bytes;
    if (contentLength <= maxBytes) this.#reserve(contentLength);
  }

  add(chunk: Buffer): void {
    this.#reserve(this.#length + chunk.length);
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
  }

  finish(): Uint8Array {
    this.#buffer.bytes = this.#bytes.length <= LARGEST_KEPT_BYTES ? this.#bytes : new Uint8Array(0);
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
