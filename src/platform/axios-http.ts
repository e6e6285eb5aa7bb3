import { asFault } from "../faults/fault.js";
import type { Fault } from "../faults/fault.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import { cancelledFault, deadlineFault } from "./http-faults.js";
import type { HttpTransport } from "./http-wire.js";

/** `Http` on axios, with connections kept alive. Nothing is loaded or opened before the first `send`. */
export const createAxiosHttp: HttpFactory = (route) => new AxiosHttp(route);

class AxiosHttp implements Http {
  readonly #route: HttpRoute;
  readonly #inFlight = new Set<() => void>();
  #transport: Promise<HttpTransport> | null = null;
  #closed = false;

  constructor(route: HttpRoute) {
    this.#route = route;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (this.#closed || request.signal.aborted) throw cancelledFault();
    const controller = new AbortController();
    let abortFault: Fault | null = null;
    const abortWith = (fault: Fault): void => {
      abortFault ??= fault;
      controller.abort();
    };
    const cancelRequest = (): void => abortWith(cancelledFault());
    const deadline = setTimeout(
      () => abortWith(deadlineFault(hostOf(request.url), request.timeoutMs)),
      request.timeoutMs,
    );
    request.signal.addEventListener("abort", cancelRequest, { once: true });
    this.#inFlight.add(cancelRequest);
    try {
      return await this.#exchange(request, controller.signal);
    } catch (error) {
      throw (abortFault as Fault | null) ?? asFault(error);
    } finally {
      clearTimeout(deadline);
      request.signal.removeEventListener("abort", cancelRequest);
      this.#inFlight.delete(cancelRequest);
    }
  }

  close(): void {
    this.#closed = true;
    for (const cancelRequest of [...this.#inFlight]) cancelRequest();
    const transport = this.#transport;
    this.#transport = null;
    void transport?.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    this.#transport ??= import("./http-wire.js").then(({ HttpTransport: Transport }) =>
      Transport.open(this.#route),
    );
    const transport = await this.#transport;
    if (signal.aborted) throw cancelledFault();
    const first = await transport.attempt(request, signal);
    if (first.kind === "answer") return first.response;
    // RFC 9110 9.2.2: what is idempotent may be sent again where the connection was closed while it was idle.
    if (!first.isStaleSocket || request.method !== "GET") throw first.fault;
    transport.closeIdle();
    const second = await transport.attempt(request, signal);
    if (second.kind === "answer") return second.response;
    throw second.fault;
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "Webex";
}
