import http from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import https from "node:https";

import type { AxiosInstance, AxiosResponse } from "axios";

import { Fault } from "../faults/fault.js";
import type { HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import { readBody } from "./http-body.js";
import { ABORTED, AgentPool } from "./http-agents.js";
import { networkFault, proxyFault } from "./http-faults.js";

export type AttemptResult =
  | { readonly kind: "answer"; readonly response: HttpResponse }
  /** `staleSocket`: a connection kept alive turned out to be dead before anything was answered. */
  | { readonly kind: "failure"; readonly fault: Fault; readonly isStaleSocket: boolean };

/** One route's axios instance and connections: makes one attempt at a time at sending a request. */
export class HttpTransport {
  readonly #axios: AxiosInstance;
  readonly #pool: AgentPool;

  private constructor(axios: AxiosInstance, pool: AgentPool) {
    this.#axios = axios;
    this.#pool = pool;
  }

  static async open(route: HttpRoute): Promise<HttpTransport> {
    const axios = (await import("axios")).default;
    const unchanged = (data: unknown): unknown => data;
    const instance = axios.create({
      responseType: "stream",
      decompress: false,
      maxRedirects: 0,
      maxBodyLength: Infinity,
      proxy: false,
      validateStatus: () => true,
      transformRequest: [unchanged],
      transformResponse: [unchanged],
    });
    return new HttpTransport(instance, new AgentPool(route));
  }

  closeIdle(): void {
    this.#pool.closeIdle();
  }

  close(): void {
    this.#pool.destroy();
  }

  /** Never rejects. `signal` ends it at once. */
  async attempt(request: HttpRequest, signal: AbortSignal): Promise<AttemptResult> {
    const observed = new ObservedRequest(request.url, signal);
    try {
      const target = new URL(request.url);
      const agents = await this.#pool.agentsFor(target);
      observed.target = target.host;
      observed.proxy = agents.proxy;
      const response = await this.#axios.request<IncomingMessage>({
        method: request.method,
        url: request.url,
        headers: { ...request.headers, "Accept-Encoding": "identity" },
        data: request.body,
        httpAgent: agents.http,
        httpsAgent: agents.https,
        transport: observed,
        signal,
      });
      // A refusal's body, too: its connection would never be free again.
      const body = await readBody(response.data, request);
      if (observed.tunnelRefusal !== null)
        return failed(proxyFault(observed.tunnelRefusal, observed));
      if (agents.proxy !== null && response.status === 407)
        return failed(proxyFault(407, observed));
      return { kind: "answer", response: toHttpResponse(response, body) };
    } catch (error) {
      if (error instanceof Fault) return failed(error);
      if (observed.tunnelRefusal !== null)
        return failed(proxyFault(observed.tunnelRefusal, observed));
      const fault = networkFault(error, observed);
      const isStaleSocket =
        observed.usedPooledSocket &&
        !observed.responseStarted &&
        fault.data.reason === "reset" &&
        !signal.aborted;
      return { kind: "failure", fault, isStaleSocket };
    }
  }
}

function failed(fault: Fault): AttemptResult {
  return { kind: "failure", fault, isStaleSocket: false };
}

function toHttpResponse(response: AxiosResponse, body: Uint8Array): HttpResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    headers[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : String(value);
  }
  return { status: response.status, headers, body };
}

/** The transport that axios is given: Node's own, with an eye on what axios's errors do not tell. */
class ObservedRequest {
  target: string;
  proxy: string | null = null;
  isProxyReached = false;
  responseStarted = false;
  /** The status of a proxy that did not open the tunnel. */
  tunnelRefusal: number | null = null;
  #request: ClientRequest | null = null;

  readonly #signal: AbortSignal;

  constructor(url: string, signal: AbortSignal) {
    this.#signal = signal;
    this.target = URL.canParse(url) ? new URL(url).host : "Webex";
  }

  /** Node's `request`, as axios calls it. */
  readonly request = (
    options: RequestOptions,
    onResponse: (response: IncomingMessage) => void,
  ): ClientRequest => {
    const request = (options.protocol === "https:" ? https : http).request(options, onResponse);
    request.on("proxyConnect", ({ statusCode }: { statusCode?: number }) => {
      this.isProxyReached = true;
      if (statusCode !== undefined && statusCode !== 200) this.tunnelRefusal = statusCode;
    });
    request.once("response", (response: IncomingMessage) => {
      this.responseStarted = true;
      // Whoever reads the body comes a moment later; an error without a listener would end the process.
      response.on("error", () => undefined);
    });
    request.once("socket", () => {
      if (request.reusedSocket) this.isProxyReached = true;
    });
    this.#signal.addEventListener("abort", () => request.emit(ABORTED), { once: true });
    this.#request = request;
    return request;
  };

  get usedPooledSocket(): boolean {
    return this.#request?.reusedSocket === true;
  }
}
