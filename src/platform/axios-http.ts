import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";

import type { AxiosInstance } from "axios";

import { asFault, Fault } from "../faults/fault.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import type { AgentPool } from "./http-agents.js";
import { deadlineFault, loadHttpLibrary, networkFault, proxyFault } from "./http-faults.js";
import type { RequestContext } from "./http-faults.js";
import { lazyHttp, lazyHttps } from "./lazy-modules.js";

/** A reusable buffer that has grown larger is released, because few bodies need that size. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** `Http` on axios, with persistent connections. Nothing is loaded before the first `send`. */
export const createAxiosHttp: HttpFactory = (route) => new AxiosHttp(route);

/** One route's axios instance and connections. */
interface Transport {
  readonly axios: AxiosInstance;
  readonly pool: AgentPool;
}

class AxiosHttp implements Http {
  readonly #route: HttpRoute;
  readonly #inFlight = new Set<() => void>();
  #transport: Promise<Transport> | null = null;
  #isClosed = false;

  constructor(route: HttpRoute) {
    this.#route = route;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (this.#isClosed || request.signal.aborted) throw cancelledFault();
    const controller = new AbortController();
    const { signal } = controller;
    const cancel = (): void => controller.abort(cancelledFault());
    const deadline = setTimeout(
      () => controller.abort(deadlineFault(hostOf(request.url), request.timeoutMs)),
      request.timeoutMs,
    );
    request.signal.addEventListener("abort", cancel, { once: true });
    this.#inFlight.add(cancel);
    try {
      return await this.#exchange(request, signal);
    } catch (error) {
      throw asFault(signal.aborted ? signal.reason : error);
    } finally {
      clearTimeout(deadline);
      request.signal.removeEventListener("abort", cancel);
      this.#inFlight.delete(cancel);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#inFlight) cancel();
    void this.#transport?.then(
      ({ pool }) => pool.destroy(),
      () => undefined,
    );
    this.#transport = null;
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const transport = await this.#openTransport();
    signal.throwIfAborted();
    const attempt = new Attempt(transport, request, signal);
    try {
      return await attempt.run();
    } catch (error) {
      // RFC 9110 9.2.2: an idempotent request may be repeated where an idle connection was closed.
      if (!attempt.metStaleConnection || request.method !== "GET") throw error;
      transport.pool.closeIdle();
      return await new Attempt(transport, request, signal).run();
    }
  }

  #openTransport(): Promise<Transport> {
    const opening = (this.#transport ??= openTransport(this.#route));
    opening.catch(() => {
      if (this.#transport === opening) this.#transport = null;
    });
    return opening;
  }
}

async function openTransport(route: HttpRoute): Promise<Transport> {
  const [{ default: axios }, { AgentPool }] = await Promise.all([
    loadHttpLibrary("axios"),
    import("./http-agents.js"),
  ]);
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
  return { axios: instance, pool: new AgentPool(route) };
}

/** One attempt at sending a request, and what axios's errors do not say about it. */
class Attempt implements RequestContext {
  readonly target: string;
  proxy: string | null = null;
  isProxyReached = false;
  responseStarted = false;
  /** A persistent connection turned out to be dead before any response. */
  metStaleConnection = false;
  readonly #transport: Transport;
  readonly #request: HttpRequest;
  readonly #signal: AbortSignal;
  /** The status of a proxy that refused to open the tunnel. */
  #tunnelStatus: number | null = null;
  #clientRequest: ClientRequest | null = null;

  constructor(transport: Transport, request: HttpRequest, signal: AbortSignal) {
    this.#transport = transport;
    this.#request = request;
    this.#signal = signal;
    this.target = hostOf(request.url);
  }

  /** Rejects with a `Fault`, at once when the signal fires. */
  async run(): Promise<HttpResponse> {
    const { method, url, body: data } = this.#request;
    try {
      const agents = await this.#transport.pool.agentsFor(new URL(url));
      this.proxy = agents.proxy;
      const { status, data: response } = await this.#transport.axios.request<IncomingMessage>({
        method,
        url,
        headers: { ...this.#request.headers, "Accept-Encoding": "identity" },
        data,
        httpAgent: agents.http,
        httpsAgent: agents.https,
        transport: { request: this.#startRequest },
        signal: this.#signal,
      });
      // A proxy's refusal is read too, or its connection would never be free again.
      const body = await readBody(response, this.#request);
      if (this.proxy !== null && status === 407) this.#tunnelStatus ??= 407;
      if (this.#tunnelStatus !== null) throw proxyFault(this.#tunnelStatus, this);
      const headers: Record<string, string> = {};
      for (const [name, value = ""] of Object.entries(response.headers))
        headers[name] = Array.isArray(value) ? value.join(", ") : value;
      return { status, headers, body };
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (this.#tunnelStatus !== null) throw proxyFault(this.#tunnelStatus, this);
      const fault = networkFault(error, this);
      this.metStaleConnection =
        this.#clientRequest?.reusedSocket === true &&
        !this.responseStarted &&
        fault.data.reason === "reset" &&
        !this.#signal.aborted;
      throw fault;
    }
  }

  /** Node's `request`, as axios calls it. */
  readonly #startRequest = (
    options: RequestOptions,
    onResponse: (response: IncomingMessage) => void,
  ): ClientRequest => {
    const { request: startRequest } = options.protocol === "https:" ? lazyHttps() : lazyHttp();
    const request = startRequest(options, onResponse);
    request.on("proxyConnect", ({ statusCode }: { statusCode?: number }) => {
      this.isProxyReached = true;
      if (statusCode !== undefined && statusCode !== 200) this.#tunnelStatus = statusCode;
    });
    request.once("response", (response: IncomingMessage) => {
      this.responseStarted = true;
      // The body is read later: until then, an error without a listener would end the process.
      response.on("error", () => undefined);
    });
    request.once("socket", () => {
      if (request.reusedSocket) this.isProxyReached = true;
    });
    const { pool } = this.#transport;
    this.#signal.addEventListener("abort", () => pool.abortConnecting(request), { once: true });
    this.#clientRequest = request;
    return request;
  };
}

/** Rejects with the stream's error, or with a `Fault` `webexError` above `maxBytes`. */
function readBody(
  response: IncomingMessage,
  { maxBytes, buffer = { bytes: new Uint8Array(0) } }: HttpRequest,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let { bytes } = buffer;
    let length = 0;
    const reserve = (needed: number): void => {
      if (needed <= bytes.length) return;
      const grown = new Uint8Array(Math.max(needed, bytes.length * 2));
      grown.set(bytes.subarray(0, length));
      bytes = grown;
    };
    const contentLength = Number(response.headers["content-length"]);
    if (contentLength <= maxBytes) reserve(contentLength);
    const onData = (chunk: Buffer): void => {
      const needed = length + chunk.length;
      if (needed > maxBytes) {
        const text = `A response of Webex exceeds the limit of ${maxBytes} bytes.`;
        fail(new Fault("webexError", text));
        return;
      }
      reserve(needed);
      bytes.set(chunk, length);
      length = needed;
    };
    // Nothing is written to the buffer after that: the next request may use it.
    const fail = (error: Error): void => {
      response.off("data", onData);
      response.destroy();
      reject(error);
    };
    response.on("data", onData);
    response.once("end", () => {
      buffer.bytes = bytes.length <= MAX_KEPT_BYTES ? bytes : new Uint8Array(0);
      resolve(bytes.subarray(0, length));
    });
    response.once("error", fail);
    // A connection may end in the middle without an error; after "end" this changes nothing.
    response.once("close", () =>
      fail(Object.assign(new Error("The connection ended."), { code: "ECONNRESET" })),
    );
  });
}

function cancelledFault(): Fault {
  return new Fault("cancelled", "The request to Webex was cancelled.");
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "Webex";
}
