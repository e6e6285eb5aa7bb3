import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

import type { AxiosInstance } from "axios";

import { asFault, Fault } from "../faults/fault.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import type { AgentPool } from "./http-agents.js";
import { acceptedCodings, readBody } from "./http-body.js";
import {
  deadlineFault,
  loadHttpLibrary,
  networkFault,
  silenceFault,
  staleConnectionFault,
} from "./http-faults.js";
import type { RequestContext } from "./http-faults.js";
import { lazyHttp, lazyHttps } from "./lazy-modules.js";
import { NO_CREDENTIALS, proxyFault } from "./proxy-faults.js";
import type { ProxyContext, ProxyResponse } from "./proxy-faults.js";

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
    const exchange = new Exchange(request, controller.signal);
    const cancel = (): void => controller.abort(cancelledFault());
    const stopTimers = exchange.startTimers((fault) => controller.abort(fault));
    request.signal.addEventListener("abort", cancel, { once: true });
    this.#inFlight.add(cancel);
    try {
      return await exchange.run(await this.#openTransport());
    } catch (error) {
      throw asFault(controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      stopTimers();
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

/** A request with its time limits. */
class Exchange {
  readonly #request: HttpRequest;
  readonly #signal: AbortSignal;
  #attempt: Attempt | null = null;
  #restartSilence: () => void = () => undefined;

  constructor(request: HttpRequest, signal: AbortSignal) {
    this.#request = request;
    this.#signal = signal;
  }

  /** Returns what stops the timers. */
  startTimers(onTimeout: (fault: Fault) => void): () => void {
    const { timeoutMs, silenceTimeoutMs, onSilence } = this.#request;
    const deadline = setTimeout(
      () => onTimeout(deadlineFault(this.#context, timeoutMs)),
      timeoutMs,
    );
    if (silenceTimeoutMs === undefined) return () => clearTimeout(deadline);
    let isReported = false;
    const silence = setTimeout(() => {
      if (isReported) {
        onTimeout(silenceFault(this.#context, silenceTimeoutMs));
        return;
      }
      isReported = true;
      silence.refresh();
      onSilence?.(silenceFault(this.#context, silenceTimeoutMs));
    }, silenceTimeoutMs / 2);
    this.#restartSilence = () => {
      isReported = false;
      silence.refresh();
    };
    return () => {
      clearTimeout(deadline);
      clearTimeout(silence);
      this.#restartSilence = () => undefined;
    };
  }

  async run(transport: Transport): Promise<HttpResponse> {
    this.#signal.throwIfAborted();
    const onProgress = (): void => this.#restartSilence();
    const attempt = new Attempt(transport, this.#request, this.#signal, onProgress);
    this.#attempt = attempt;
    try {
      return await attempt.run();
    } catch (error) {
      // The idle connections may be dead, too: the next request opens a new one.
      if (attempt.metStaleConnection || this.#hasTimedOut) transport.pool.closeIdle();
      if (attempt.metStaleConnection && this.#request.method === "GET")
        throw staleConnectionFault(asFault(error));
      throw error;
    }
  }

  get #hasTimedOut(): boolean {
    const { aborted, reason } = this.#signal as { aborted: boolean; reason: unknown };
    return aborted && reason instanceof Fault && reason.data.reason === "timeout";
  }

  get #context(): RequestContext {
    return (
      this.#attempt ?? {
        target: hostOf(this.#request.url),
        proxy: null,
        isProxyReached: false,
        responseStarted: false,
        certificate: null,
        extraCertificates: 0,
      }
    );
  }
}

/** What https-proxy-agent tells of a proxy's response to CONNECT. */
interface ProxyConnectResponse {
  readonly statusCode?: number;
  readonly headers?: ProxyResponse["headers"];
}

/** A request being sent, and what axios's errors do not say about it. */
class Attempt implements RequestContext, ProxyContext {
  readonly target: string;
  proxy: string | null = null;
  isProxyReached = false;
  responseStarted = false;
  credentials = NO_CREDENTIALS;
  certificate: DetailedPeerCertificate | null = null;
  readonly extraCertificates: number;
  /** A persistent connection turned out to be dead before any response. */
  metStaleConnection = false;
  readonly #transport: Transport;
  readonly #request: HttpRequest;
  readonly #signal: AbortSignal;
  readonly #onProgress: () => void;
  /** Of a proxy that refused to open the tunnel. */
  #refusal: ProxyResponse | null = null;
  #clientRequest: ClientRequest | null = null;

  constructor(
    transport: Transport,
    request: HttpRequest,
    signal: AbortSignal,
    onProgress: () => void,
  ) {
    this.#transport = transport;
    this.#request = request;
    this.#signal = signal;
    this.#onProgress = onProgress;
    this.target = hostOf(request.url);
    this.extraCertificates = transport.pool.extraCertificates;
  }

  /** Rejects with a `Fault`, at once when the signal fires. */
  async run(): Promise<HttpResponse> {
    const { method, url, body: data } = this.#request;
    try {
      const agents = await this.#transport.pool.agentsFor(new URL(url));
      this.proxy = agents.proxy;
      this.credentials = agents.credentials;
      // Until here, libraries may have been loaded: that is no silence of the server.
      this.#onProgress();
      const { status, data: response } = await this.#transport.axios.request<IncomingMessage>({
        method,
        url,
        headers: { ...this.#request.headers, "Accept-Encoding": acceptedCodings() },
        data,
        httpAgent: agents.http,
        httpsAgent: agents.https,
        transport: { request: this.#startRequest },
        signal: this.#signal,
      });
      // A proxy's refusal is read too, or its connection would never be free again.
      const { maxBytes, buffer, secrets = [] } = this.#request;
      const body = await readBody(response, {
        target: this.target,
        maxBytes,
        secrets,
        ...(buffer !== undefined && { buffer }),
        signal: this.#signal,
        onBytes: this.#onProgress,
      });
      if (this.#refusal !== null) throw proxyFault({ ...this.#refusal, body }, this);
      if (this.proxy !== null && status === 407)
        throw proxyFault({ status, headers: response.headers, body }, this);
      const headers: Record<string, string> = {};
      for (const [name, value = ""] of Object.entries(response.headers))
        headers[name] = Array.isArray(value) ? value.join(", ") : value;
      return { status, headers, body };
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (this.#refusal !== null) throw proxyFault(this.#refusal, this);
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
    request.on("proxyConnect", (response: ProxyConnectResponse) => {
      this.isProxyReached = true;
      const { statusCode: status, headers = {} } = response;
      // http-proxy-agent emits the event without a response.
      if (status !== undefined && status !== 200)
        this.#refusal = { status, headers, body: new Uint8Array(0) };
    });
    request.once("response", (response: IncomingMessage) => {
      this.responseStarted = true;
      this.#onProgress();
      // The body is read later: until then, an error without a listener would end the process.
      response.on("error", () => undefined);
    });
    request.once("socket", (socket) => {
      if (request.reusedSocket) {
        this.isProxyReached = true;
        return;
      }
      // The handshake is complete, and Node verifies the certificate in a later listener; if it
      // rejects that, the socket no longer has it.
      socket.prependOnceListener("secure", () => {
        this.certificate = (socket as TLSSocket).getPeerCertificate(true);
      });
    });
    const { pool } = this.#transport;
    this.#signal.addEventListener("abort", () => pool.abortConnecting(request), { once: true });
    this.#clientRequest = request;
    return request;
  };
}

function cancelledFault(): Fault {
  return new Fault("cancelled", "The request to Webex was cancelled.");
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "Webex";
}
