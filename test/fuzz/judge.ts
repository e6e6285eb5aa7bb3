import { parseFrames, type WireMessage } from "../support/byte-host-fake.js";
import { parseBody, readStream, type ReadStream } from "./reference-parser.js";
import { SECRET, type Stream } from "./streams.js";
import type { Target } from "./targets.js";

/** An answer, or the end, may take so long after the last byte on a quiet machine. */
export const LATE_MS = 1_000;
/** Whatever else the machine does. */
const HANG_MS = 20_000;
/** The rest of a body is sent up to this size; otherwise, the host closes the stream. */
const MAX_COMPLETED_BYTES = 256 * 1024;
const NOTIFICATIONS = ["presence/changed", "worker/statusChanged", "authorization/changed"];
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const INTERNAL_ERROR = -32603;
/** A stack of Node.js, in a text or in JSON. */
const STACK = /(?:\n|\\n)\s+at \S+.*:\d+:\d+/;

/** Larger bodies are refused for their depth, without their id. */
const MIN_DEEP_BYTES = 64 * 1024;

type Body = { jsonrpc?: unknown; id?: unknown; method?: unknown } | null | undefined;

export interface Judgement {
  /** From the last byte to the answer or the end. */
  readonly ms: number;
  /** Whether the target can be used for another stream. */
  readonly isReusable: boolean;
}

/** The worker did what it must not do. */
export class Offence extends Error {}

/** Sends streams to one target, and judges what comes back. */
export class Conversation {
  readonly target: Target;
  /** As JSON: of all requests so far, because an answer may take a while. */
  readonly #ids = new Set<string>(["null"]);
  /** How many answers are due, by the id as JSON. */
  readonly #owed = new Map<string, number>();
  #unread = Buffer.alloc(0);
  #messages: WireMessage[] = [];
  #probes = 0;
  #hasReportedEnd = false;

  constructor(target: Target) {
    this.target = target;
  }

  /** Rejects with an `Offence`. */
  async judge(stream: Stream): Promise<Judgement> {
    const bytes = Buffer.concat(stream.chunks);
    const read = readStream(bytes);
    const bodies = parseBodies(read);
    for (const body of bodies) this.#ids.add(JSON.stringify(body?.id ?? null));
    for (const [index, body] of bodies.entries()) this.#owe(body, read.bodies[index]);
    const mayExit = bodies.some((body) => body?.method === "exit");
    for (const chunk of stream.chunks) {
      this.target.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const startedAt = performance.now();
    const isReusable = await this.#settle(stream, read, mayExit);
    const ms = performance.now() - startedAt;
    this.#collect();
    this.#checkLog();
    return { ms, isReusable };
  }

  async #settle(
    { isClosed }: Stream,
    { end, missingBytes }: ReadStream,
    mayExit: boolean,
  ): Promise<boolean> {
    if (end === "invalid") {
      await this.#untilExit("a stream that cannot be followed", [65, ...(mayExit ? [0, 1] : [])]);
      if (!mayExit && !this.#hasReportedEnd) throw new Offence("It ended without -32700.");
      return false;
    }
    const canComplete = end === "body" && missingBytes <= MAX_COMPLETED_BYTES;
    if (isClosed || (end !== "boundary" && !canComplete)) {
      this.target.end();
      await this.#untilExit("the end of the stream", [0, ...(mayExit ? [1] : [])]);
      return false;
    }
    if (end === "body") this.target.write(Buffer.alloc(missingBytes, " "));
    const answer = await this.#probe();
    if (answer === null) {
      if (!mayExit || (this.target.exit !== 0 && this.target.exit !== 1))
        throw new Offence(`It ended with ${this.target.exit} instead of answering.`);
      return false;
    }
    const isShutDown = answer.error?.code === INVALID_REQUEST;
    if (answer.error !== undefined && !isShutDown)
      throw new Offence(`worker/status failed: ${JSON.stringify(answer.error)}`);
    // After shutdown, the host waits for nothing but the end.
    if (!mayExit && !isShutDown) await this.#untilAnswered();
    if (!mayExit && !isShutDown) return true;
    this.target.end();
    await this.#untilExit("the end of the stream", [0, 1]);
    return false;
  }

  /** Returns the answer to a valid request, or null if the target has ended. */
  async #probe(): Promise<WireMessage | null> {
    this.#probes += 1;
    const id = `probe ${this.#probes}`;
    this.#ids.add(JSON.stringify(id));
    const body = JSON.stringify({ jsonrpc: "2.0", id, method: "worker/status" });
    this.target.write(Buffer.from(`Content-Length: ${body.length}\r\n\r\n${body}`));
    let answer: WireMessage | undefined;
    const isSettled = await this.#until(() => {
      this.#collect();
      answer = this.#messages.find((message) => message.id === id);
      return answer !== undefined || this.target.exit !== null;
    });
    if (!isSettled) throw new Offence("It did not answer worker/status.");
    this.#messages = [];
    return answer ?? null;
  }

  /** Notes which answer a body demands, as far as that is certain. */
  #owe(body: Body, bytes: Buffer | undefined): void {
    if (bytes !== undefined && bytes.length > MIN_DEEP_BYTES) return;
    const owe = (id: unknown): void => {
      const key = JSON.stringify(id);
      this.#owed.set(key, (this.#owed.get(key) ?? 0) + 1);
    };
    // Not JSON, a batch, or a value of another type.
    if (body === undefined || body === null || typeof body !== "object" || Array.isArray(body))
      owe(null);
    else if (body.jsonrpc === "2.0" && typeof body.method === "string") {
      const { id } = body;
      if (typeof id === "string" || (Number.isFinite(id) && Math.abs(id as number) < 2 ** 53))
        owe(id);
    }
  }

  async #untilAnswered(): Promise<void> {
    const isAnswered = await this.#until(() => {
      this.#collect();
      return this.#owed.size === 0 || this.target.exit !== null;
    });
    this.#messages = [];
    if (isAnswered && this.target.exit === null) return;
    const ids = [...this.#owed.keys()].join(", ").slice(0, 200);
    throw new Offence(`It did not answer the requests with the ids ${ids}.`);
  }

  async #untilExit(cause: string, codes: readonly number[]): Promise<void> {
    if (!(await this.#until(() => this.target.exit !== null)))
      throw new Offence(`It did not end after ${cause}.`);
    this.#collect();
    if (this.#unread.length > 0) throw new Offence("Its last message is incomplete.");
    const { exit } = this.target;
    if (!(codes as readonly unknown[]).includes(exit))
      throw new Offence(`It ended with ${exit} instead of ${codes.join(" or ")} after ${cause}.`);
  }

  /** Checks and keeps what the target has written. */
  #collect(): void {
    const bytes = Buffer.concat([this.#unread, this.target.readStdout()]);
    let messages: WireMessage[];
    try {
      messages = parseFrames(bytes);
    } catch (error) {
      throw new Offence(`Its output is not valid: ${String(error)}`);
    }
    this.#unread = bytes.subarray(frameEnd(bytes));
    for (const message of messages) this.#check(message);
    this.#messages.push(...messages);
  }

  #check(message: WireMessage): void {
    const { jsonrpc, id, method, result, error } = message;
    const text = JSON.stringify(message).slice(0, 500);
    if (jsonrpc !== "2.0") throw new Offence(`A message without a version: ${text}`);
    if (method !== undefined) {
      if (id !== undefined || !NOTIFICATIONS.includes(method))
        throw new Offence(`A notification that does not exist: ${text}`);
      return;
    }
    if ((result === undefined) === (error === undefined))
      throw new Offence(`An answer with result and error, or with neither: ${text}`);
    if (!this.#ids.has(JSON.stringify(id))) throw new Offence(`An answer to nobody: ${text}`);
    const due = (this.#owed.get(JSON.stringify(id)) ?? 0) - 1;
    if (due > 0) this.#owed.set(JSON.stringify(id), due);
    else this.#owed.delete(JSON.stringify(id));
    if (error === undefined) return;
    if (error.code === INTERNAL_ERROR) throw new Offence(`A defect: ${text}`);
    if (error.code === PARSE_ERROR && error.message.includes("does not follow the protocol"))
      this.#hasReportedEnd = true;
    const errorText = JSON.stringify(error);
    if (errorText.includes(SECRET) || STACK.test(errorText))
      throw new Offence(`It tells too much: ${text}`);
  }

  #checkLog(): void {
    const log = this.target.readLog();
    if (log.includes(SECRET) || STACK.test(log))
      throw new Offence(`Its log tells too much: ${log}`);
    if (/defect|unexpected|Uncaught/i.test(log)) throw new Offence(`Its log has a defect: ${log}`);
  }

  /** Returns whether the condition was met in time. */
  async #until(condition: () => boolean): Promise<boolean> {
    const deadline = performance.now() + HANG_MS;
    while (!condition()) {
      if (performance.now() > deadline) return false;
      if (this.target.kind === "channel") await new Promise((resolve) => setImmediate(resolve));
      else await this.#nextChange(deadline - performance.now());
    }
    return true;
  }

  #nextChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.target.onChange = () => {
        clearTimeout(timer);
        this.target.onChange = () => undefined;
        resolve();
      };
    });
  }
}

/** Where the last complete frame ends. */
function frameEnd(bytes: Buffer): number {
  let end = 0;
  for (;;) {
    const headerEnd = bytes.indexOf("\r\n\r\n", end);
    if (headerEnd < 0) return end;
    const length = Number(/\d+/.exec(bytes.toString("latin1", end, headerEnd))?.[0]);
    if (headerEnd + 4 + length > bytes.length) return end;
    end = headerEnd + 4 + length;
  }
}

/** Whether a stream can end without its target. */
export function isFollowable({ chunks, isClosed }: Stream): boolean {
  const read = readStream(Buffer.concat(chunks));
  const { end, missingBytes } = read;
  const canContinue = end === "boundary" || (end === "body" && missingBytes <= MAX_COMPLETED_BYTES);
  const methods = parseBodies(read).map((body) => body?.method);
  return !isClosed && canContinue && !methods.includes("exit") && !methods.includes("shutdown");
}

/** Of all bodies, the last one with the spaces that complete it. */
function parseBodies({ bodies, lastBody }: ReadStream): readonly Body[] {
  const all = lastBody === null ? bodies : [...bodies, Buffer.concat([lastBody, Buffer.from(" ")])];
  return all.map(parseBody) as Body[];
}
