import type { RequestId } from "./incoming-message.js";

/**
 * Gives each live request a serial number of its own. vscode-jsonrpc keeps waiting requests by id, and there 1 and "1" are the
 * same and the second of two replaces the first; by serial, each is answered, under the id that its sender chose.
 */
export class RequestIds {
  readonly #live = new Map<number, RequestId>();
  #next = 0;

  add(id: RequestId): number {
    this.#next += 1;
    this.#live.set(this.#next, id);
    return this.#next;
  }

  /** The sender's id, once: the request is answered then. */
  remove(serial: number): RequestId | null {
    const id = this.#live.get(serial);
    this.#live.delete(serial);
    return id ?? null;
  }

  /** The live requests under that id, usually none or one. */
  findSerials(id: unknown): number[] {
    const serials: number[] = [];
    for (const [serial, liveId] of this.#live) if (liveId === id) serials.push(serial);
    return serials;
  }
}
