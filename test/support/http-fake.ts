import { Fault } from "../../src/faults/fault.js";
import type { Http, HttpRequest, HttpResponse } from "../../src/ports/http.js";

export interface ScriptedResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | Uint8Array | object;
}

/** A response, a network fault, or no response until the deadline or the signal. */
export type ScriptedReply = ScriptedResponse | Fault | "silence";

type Script =
  readonly ScriptedReply[] | ((request: HttpRequest) => ScriptedReply | Promise<ScriptedReply>);

/** `Http` with replies in order, or from a function. An unexpected request fails the test. */
export class ScriptedHttp implements Http {
  readonly requests: HttpRequest[] = [];
  readonly #script: Script;
  readonly #closing = new AbortController();
  #next = 0;

  constructor(script: Script) {
    this.#script = script;
  }

  /** The number of replies left. */
  get remaining(): number {
    return typeof this.#script === "function" ? 0 : this.#script.length - this.#next;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    throwIfEnded(signal);
    this.requests.push(request);
    const reply = await this.#reply(request);
    throwIfEnded(signal);
    if (reply instanceof Fault) throw reply;
    if (reply === "silence") return silence(request, signal);
    const body = bytes(reply.body ?? "");
    if (body.length > request.maxBytes) throw new Fault("webexError", "The answer is too long.");
    const headers = Object.entries(reply.headers ?? {}).map(
      ([name, value]) => [name.toLowerCase(), value] as const,
    );
    return { status: reply.status ?? 200, headers: Object.fromEntries(headers), body };
  }

  close(): void {
    this.#closing.abort();
  }

  async #reply(request: HttpRequest): Promise<ScriptedReply> {
    if (typeof this.#script === "function") return this.#script(request);
    const reply = this.#script[this.#next++];
    if (reply === undefined)
      throw new Error(`Unexpected request: ${request.method} ${request.url}`);
    return reply;
  }
}

function throwIfEnded(signal: AbortSignal): void {
  if (signal.aborted) throw new Fault("cancelled", "Cancelled.");
}

function silence(request: HttpRequest, signal: AbortSignal): Promise<never> {
  const { timeoutMs, silenceTimeoutMs = Infinity, onSilence } = request;
  const noAnswer = (): Fault => new Fault("webexUnreachable", "No answer in time.");
  return new Promise((_resolve, reject) => {
    const timers = [setTimeout(() => reject(noAnswer()), Math.min(timeoutMs, silenceTimeoutMs))];
    if (silenceTimeoutMs < Infinity)
      timers.push(setTimeout(() => onSilence?.(noAnswer()), silenceTimeoutMs / 2));
    signal.addEventListener(
      "abort",
      () => {
        for (const timer of timers) clearTimeout(timer);
        reject(new Fault("cancelled", "Cancelled."));
      },
      { once: true },
    );
  });
}

function bytes(body: string | Uint8Array | object): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}
