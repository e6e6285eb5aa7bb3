import type { IncomingMessage } from "node:http";

import type { BodyRoom, HttpRequest } from "../ports/http.js";
import { tooLongFault } from "./http-faults.js";

/** A room is not kept at a size that few bodies need. */
const LARGEST_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * The whole body. Rejects with what the stream fails with, or with a `Fault` `webexError` once it is longer than `maxBytes`. Nothing is
 * written into the room after that.
 */
export function readBody(response: IncomingMessage, { maxBytes, room }: HttpRequest): Promise<Uint8Array> {
  const body = room === undefined ? new Chunks() : new InRoom(room, Number(response.headers["content-length"]), maxBytes);
  return new Promise((resolve, reject) => {
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= maxBytes) body.add(chunk);
      else fail(tooLongFault(maxBytes));
    };
    const fail = (error: Error): void => {
      response.off("data", take);
      response.destroy();
      reject(error);
    };
    response.on("data", take);
    response.once("end", () => resolve(body.whole()));
    response.once("error", fail);
    // A connection that ends in the middle may do so without an error; after "end" this changes nothing.
    response.once("close", () => fail(Object.assign(new Error("The connection ended."), { code: "ECONNRESET" })));
  });
}

class Chunks {
  readonly #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  whole(): Uint8Array {
    return this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks);
  }
}

/** V8 clears away buffers together with the whole heap: one for all pages spares half of that. */
class InRoom {
  readonly #room: BodyRoom;
  #bytes: Uint8Array;
  #length = 0;

  constructor(room: BodyRoom, announced: number, maxBytes: number) {
    this.#room = room;
    this.#bytes = room.bytes;
    if (announced <= maxBytes) this.#reserve(announced);
  }

  add(chunk: Buffer): void {
    this.#reserve(this.#length + chunk.length);
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
  }

  whole(): Uint8Array {
    this.#room.bytes = this.#bytes.length <= LARGEST_KEPT_BYTES ? this.#bytes : new Uint8Array(0);
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
