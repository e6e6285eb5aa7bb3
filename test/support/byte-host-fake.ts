import { PassThrough, Writable } from "node:stream";

export interface WireMessage {
  readonly jsonrpc: string;
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export function frame(message: unknown): Buffer {
  const body = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);
}

export function request(id: unknown, method: string, params?: unknown): Buffer {
  return frame({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
}

/** A host at the other end of two byte streams. */
export class ByteHost {
  /** The worker's input. */
  readonly input = new PassThrough();
  /** The worker's output. */
  readonly output: Writable;
  /** The chunk of each write. */
  readonly writes: Buffer[] = [];
  #reading = true;
  #blockedWrite: (() => void) | null = null;
  #listeners = new Set<() => void>();

  constructor(highWaterMark = 16_384) {
    this.output = new Writable({
      highWaterMark,
      decodeStrings: true,
      write: (chunk: Buffer, _encoding, done) => {
        this.writes.push(chunk);
        for (const listener of [...this.#listeners]) listener();
        if (this.#reading) done();
        else this.#blockedWrite = done;
      },
    });
  }

  send(...bytes: (Buffer | string)[]): void {
    for (const chunk of bytes) this.input.write(chunk);
  }

  stopReading(): void {
    this.#reading = false;
  }

  resumeReading(): void {
    this.#reading = true;
    const blocked = this.#blockedWrite;
    this.#blockedWrite = null;
    blocked?.();
  }

  /** All messages received so far. Throws on invalid framing. */
  get received(): WireMessage[] {
    return parseFrames(Buffer.concat(this.writes));
  }

  /** Resolves when `count` messages were received. */
  async until(count: number, deadlineMs = 2_000): Promise<WireMessage[]> {
    if (this.received.length >= count) return this.received;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(check);
        const bytes = Buffer.concat(this.writes).toString().slice(0, 500);
        reject(new Error(`Only ${this.received.length} of ${count} messages: ${bytes}`));
      }, deadlineMs);
      const check = (): void => {
        if (this.received.length < count) return;
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve(this.received);
      };
      this.#listeners.add(check);
    });
  }
}

/** Parses all complete frames. */
export function parseFrames(bytes: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  let index = 0;
  while (index < bytes.length) {
    const headerEnd = bytes.indexOf("\r\n\r\n", index);
    if (headerEnd < 0) break;
    const header = bytes.toString("latin1", index, headerEnd);
    const match = /^Content-Length: (\d+)$/.exec(header);
    if (match === null) throw new Error(`Not a header: ${header}`);
    const end = headerEnd + 4 + Number(match[1]);
    if (end > bytes.length) break;
    messages.push(JSON.parse(bytes.toString("utf8", headerEnd + 4, end)) as WireMessage);
    index = end;
  }
  return messages;
}
