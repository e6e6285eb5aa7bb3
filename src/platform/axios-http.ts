import { asFault } from "../faults/fault.js";
import type { Fault } from "../faults/fault.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import { cancelledFault, deadlineFault } from "./http-faults.js";
import type { Wire } from "./http-wire.js";

/** `Http` on axios, with connections kept alive. Nothing is loaded or opened before the first `send`. */
export const createAxiosHttp: HttpFactory = (route) => new AxiosHttp(route);

class AxiosHttp implements Http {
  readonly #route: HttpRoute;
  readonly #underWay = new Set<() => void>();
  #wire: Promise<Wire> | null = null;
  #closed = false;

  constructor(route: HttpRoute) {
    this.#route = route;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (this.#closed || request.signal.aborted) throw cancelledFault();
    const ending = new AbortController();
    let ended: Fault | null = null;
    const end = (fault: Fault): void => {
      ended ??= fault;
      ending.abort();
    };
    const cancel = (): void => end(cancelledFault());
    const deadline = setTimeout(() => end(deadlineFault(hostOf(request.url), request.timeoutMs)), request.timeoutMs);
    request.signal.addEventListener("abort", cancel, { once: true });
    this.#underWay.add(cancel);
    try {
      return await this.#exchange(request, ending.signal);
    } catch (error) {
      throw (ended as Fault | null) ?? asFault(error);
    } finally {
      clearTimeout(deadline);
      request.signal.removeEventListener("abort", cancel);
      this.#underWay.delete(cancel);
    }
  }

  close(): void {
    this.#closed = true;
    for (const cancel of [...this.#underWay]) cancel();
    const wire = this.#wire;
    this.#wire = null;
    void wire?.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    this.#wire ??= import("./http-wire.js").then(({ Wire: opener }) => opener.open(this.#route));
    const wire = await this.#wire;
    if (signal.aborted) throw cancelledFault();
    const first = await wire.attempt(request, signal);
    if (first.kind === "answer") return first.response;
    // RFC 9110 9.2.2: what is idempotent may be sent again where the connection was closed while it was idle.
    if (!first.staleSocket || request.method !== "GET") throw first.fault;
    wire.dropIdle();
    const second = await wire.attempt(request, signal);
    if (second.kind === "answer") return second.response;
    throw second.fault;
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "Webex";
}
