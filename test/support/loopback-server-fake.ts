import { Fault } from "../../src/faults/fault.js";
import type {
  ListenOnLoopback,
  LoopbackEventStream,
  LoopbackHandler,
  LoopbackPage,
  LoopbackRequest,
} from "../../src/ports/loopback-server.js";

const MAX_BODY_BYTES = 16 * 1024;

/** An event stream, as its client sees it. */
export class FakeEventStream {
  readonly received: string[] = [];
  ended = false;
  #dispose: () => void = () => undefined;

  constructor(events: LoopbackEventStream) {
    this.#dispose = events.open((data) => {
      if (!this.ended) this.received.push(data);
    });
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#dispose();
  }
}

/** The loopback ports of one machine, in memory. */
export class FakeLoopback {
  readonly #handlers = new Map<number, LoopbackHandler>();
  readonly #streams = new Map<number, Set<FakeEventStream>>();
  #nextFree = 50_000;

  readonly listen: ListenOnLoopback = async (wanted, handler) => {
    const port = wanted === 0 ? this.#nextFree++ : wanted;
    if (this.#handlers.has(port))
      throw new Fault("portInUse", "The port is taken.", { data: { port, isReserved: false } });
    this.#handlers.set(port, handler);
    this.#streams.set(port, new Set());
    return {
      port,
      close: async () => {
        if (this.#handlers.get(port) !== handler) return;
        this.#handlers.delete(port);
        for (const stream of this.#streams.get(port) ?? []) stream.end();
      },
    };
  };

  isListening(port: number): boolean {
    return this.#handlers.has(port);
  }

  async request(port: number, request: Partial<LoopbackRequest>): Promise<LoopbackPage> {
    const answer = await this.#handle(port, request);
    if (answer.kind !== "page") throw new Error("The response is an event stream, not a page.");
    return answer;
  }

  async open(
    port: number,
    target: string,
    headers: Readonly<Record<string, string>> = { host: `localhost:${port}` },
  ): Promise<FakeEventStream> {
    const answer = await this.#handle(port, { target, headers });
    if (answer.kind !== "events")
      throw new Error(`The response is a page (${answer.status}), not an event stream.`);
    const stream = new FakeEventStream(answer);
    this.#streams.get(port)?.add(stream);
    return stream;
  }

  /** Of a page or an event stream, which is not opened. */
  async headersOf(
    port: number,
    target: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>> {
    return (await this.#handle(port, { target, headers })).headers;
  }

  async #handle(
    port: number,
    request: Partial<LoopbackRequest>,
  ): Promise<LoopbackPage | LoopbackEventStream> {
    const handler = this.#handlers.get(port);
    if (handler === undefined) throw new Error(`Nothing listens on ${port}.`);
    const headers = { host: `localhost:${port}` };
    const whole = { method: "GET", target: "/", headers, body: "", ...request };
    const failure = (status: number): LoopbackPage => ({
      kind: "page",
      status,
      headers: {},
      body: "The request failed.",
    });
    if (Buffer.byteLength(whole.body) > MAX_BODY_BYTES) return failure(413);
    return handler(whole).catch(() => failure(500));
  }
}
