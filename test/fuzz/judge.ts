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
  /** How many answers there may still be, by the id as JSON: one may take a while. */
  readonly #allowed = new Map<string, number>();
  /** How many answers are due. */
  readonly #owed = new Map<string, number>();
  /** How many of them may wait for Webex, and be without an answer after `shutdown`. */
  readonly #waiting = new Map<string, number>();
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
    const completedBytes = (read.lastBody?.length ?? 0) + read.missingBytes;
    for (const [index, body] of bodies.entries())
      this.#expect(body, read.bodies[index]?.length ?? completedBytes);
    // That the stream ends, or cannot be followed, is said once.
    if (read.end !== "boundary") add(this.#allowed, "null");
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
    if (!mayExit) await this.#untilAnswered(isShutDown);
    if (!mayExit && !isShutDown) return true;
    this.target.end();
    await this.#untilExit("the end of the stream", [0, 1]);
    return false;
  }

  /** Returns the answer to a valid request, or null if the target has ended. */
  async #probe(): Promise<WireMessage | null> {
    this.#probes += 1;
    const id = `probe ${this.#probes}`;
    add(this.#allowed, JSON.stringify(id));
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

  /** Notes which answer a body allows, and which one it demands, as far as that is certain. */
  #expect(body: Body, bytes: number): void {
    const id = demandedId(body);
    const isDeep = bytes > MIN_DEEP_BYTES;
    if (id !== undefined && !isDeep) {
      const key = JSON.stringify(id);
      add(this.#allowed, key);
      add(this.#owed, key);
      if (mayWait(body)) add(this.#waiting, key);
      return;
    }
    for (const each of new Set([JSON.stringify(body?.id ?? null), "null"]))
      add(this.#allowed, each);
  }

  /** After `shutdown`, only what waits for Webex may be without an answer. */
  async #untilAnswered(isShutDown: boolean): Promise<void> {
    const missing = (): string[] =>
      [...this.#owed]
        .filter(([key, count]) => count > (isShutDown ? (this.#waiting.get(key) ?? 0) : 0))
        .map(([key]) => key);
    const isAnswered = await this.#until(() => {
      this.#collect();
      return missing().length === 0 || this.target.exit !== null;
    });
    this.#messages = [];
    if (isAnswered && this.target.exit === null) return;
    const ids = missing().join(", ").slice(0, 200);
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
    const key = JSON.stringify(id);
    if (!take(this.#allowed, key)) throw new Offence(`An answer to nobody, or another: ${text}`);
    take(this.#owed, key);
    take(this.#waiting, key);
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

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Returns false if there is none. */
function take(counts: Map<string, number>, key: string): boolean {
  const count = counts.get(key) ?? 0;
  if (count > 1) counts.set(key, count - 1);
  else counts.delete(key);
  return count > 0;
}

/** The id of the answer that a body certainly gets, or undefined. */
function demandedId(body: Body): unknown {
  // Not JSON, a batch, or a value of another type.
  if (body === undefined || body === null || typeof body !== "object" || Array.isArray(body))
    return null;
  if (body.jsonrpc !== "2.0" || typeof body.method !== "string") return undefined;
  const { id } = body;
  const isId = typeof id === "string" || (Number.isFinite(id) && Math.abs(id as number) < 2 ** 53);
  return isId ? id : undefined;
}

/** Whether a request asks for presence that Webex has yet to confirm. */
function mayWait(body: Body): boolean {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: object };
  const isQuery = method === "presence/get" || method === "presence/getMany";
  return isQuery && Object.keys(params ?? {}).some((name) => name.startsWith("max"));
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
