import { randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { bearerToken, Exchange, webexError, type Reply } from "./exchange.js";
import type { FaultRule } from "./faults.js";
import type { LoggedRequest } from "./request-log.js";
import type { SimulatorContext } from "./world.js";

const compress = promisify(gzip);
const PADDING = Buffer.alloc(1024 * 1024, " ");
const GATEWAY_PAGE =
  "<html><head><title>Bad gateway</title></head><body><center><h1>The upstream is not well</h1></center></body></html>";

export interface ListenOptions {
  readonly host?: string;
  readonly port?: number;
  /** Serve https with this key and certificate (PEM). */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The HTTP server: reads requests, lets faults strike, asks the routes, writes answers. */
export class SimulatorServer {
  readonly #context: SimulatorContext;
  readonly #handler: (exchange: Exchange) => Promise<Reply>;
  #server: Server | null = null;

  constructor(context: SimulatorContext, handler: (exchange: Exchange) => Promise<Reply>) {
    this.#context = context;
    this.#handler = handler;
  }

  /** Resolves with the address, such as `http://127.0.0.1:49152`. */
  async start(options: ListenOptions): Promise<string> {
    const host = options.host ?? "127.0.0.1";
    const listener: RequestListener = (request, response) =>
      void this.#serve(request, response, options.tls !== undefined);
    const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, host, resolve);
    });
    const { port } = server.address() as AddressInfo;
    return `${options.tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    isSecure: boolean,
  ): Promise<void> {
    const url = new URL(
      request.url ?? "/",
      `${isSecure ? "https" : "http"}://${request.headers.host ?? "127.0.0.1"}`,
    );
    const isControl = url.pathname === "/simulator" || url.pathname.startsWith("/simulator/");
    const bearer = bearerToken(request);
    const orgId =
      bearer === null ? null : (this.#context.tokens.findOrganization(bearer)?.id ?? null);
    const logEntry = isControl
      ? null
      : this.#context.requests.open({
          at: this.#context.now(),
          method: request.method ?? "GET",
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          bearer: bearer !== null,
        });
    if (logEntry) logEntry.orgId = orgId;
    const fault = isControl ? null : this.#context.faults.consume({ path: url.pathname, orgId });
    const exchange = new Exchange(request, url, `ROUTER_${randomUUID().toUpperCase()}`, fault);
    try {
      const isConnected = isControl || (await delay(this.#context.knobs.latencyMs, response));
      if (!isConnected || fault?.kind === "hang") {
        this.#closeLogEntry(logEntry, null);
        return;
      }
      if (fault?.kind === "reset") {
        this.#closeLogEntry(logEntry, null);
        request.socket.resetAndDestroy();
        return;
      }
      const reply =
        (fault && this.#faultReply(exchange, fault)) ?? (await this.#routeReply(exchange));
      if (
        !isControl &&
        !(await delay((reply.persons ?? 0) * this.#context.knobs.latencyPerPersonMs, response))
      ) {
        this.#closeLogEntry(logEntry, null);
        return;
      }
      this.#closeLogEntry(logEntry, reply.status);
      await this.#write(exchange, response, reply, isControl);
    } catch (error) {
      // A client that hangs up in the middle is everyday life here; anything else is a defect of the simulator and must be seen.
      if (!response.destroyed) process.stderr.write(`simulator: ${String(error)}\n`);
      response.destroy();
    }
  }

  #closeLogEntry(logEntry: LoggedRequest | null, status: number | null): void {
    if (logEntry) this.#context.requests.close(logEntry, status);
  }

  /** The answer that a fault gives in place of the routes, or null where the routes play it. */
  #faultReply(exchange: Exchange, fault: FaultRule): Reply | null {
    if (fault.kind === "redirect") {
      const to = fault.to ?? this.#context.foreignUrl;
      return {
        status: fault.status ?? 302,
        headers: { location: `${to}${exchange.url.pathname}${exchange.url.search}` },
      };
    }
    if (fault.kind !== "status") return null;
    const status = fault.status ?? 503;
    const headers = { ...fault.headers };
    switch (fault.body) {
      case "empty":
        return { status, headers };
      case "webex":
        return webexError(exchange, status, "Something went wrong at Webex.", { headers });
      case "html":
      case undefined:
        return { status, headers: { "content-type": "text/html", ...headers }, body: GATEWAY_PAGE };
      default:
        return {
          status,
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(fault.body),
        };
    }
  }

  async #routeReply(exchange: Exchange): Promise<Reply> {
    try {
      return await this.#handler(exchange);
    } catch (error) {
      if (error instanceof RangeError || error instanceof URIError)
        return webexError(exchange, 400, error.message);
      throw error;
    }
  }

  async #write(
    exchange: Exchange,
    response: ServerResponse,
    reply: Reply,
    isControl: boolean,
  ): Promise<void> {
    const { knobs } = this.#context;
    const trackingIds = new Array<string>(isControl ? 0 : knobs.trackingIdRepeats).fill(
      exchange.trackingId,
    );
    for (const [name, value] of Object.entries(reply.headers ?? {}))
      response.setHeader(name, value);
    if (trackingIds.length > 0) response.setHeader("TrackingID", trackingIds);
    let body = Buffer.from(reply.body ?? "");
    const padding = reply.padding ?? 0;
    if (
      knobs.gzip &&
      padding === 0 &&
      body.length > 1000 &&
      /\bgzip\b/.test(exchange.request.headers["accept-encoding"] ?? "")
    ) {
      body = Buffer.from(await compress(body, { level: 1 }));
      response.setHeader("content-encoding", "gzip");
    }
    response.writeHead(reply.status, { "content-length": body.length + padding });
    if (exchange.fault?.kind === "truncate") {
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
      return;
    }
    if (padding > 0) {
      response.write(body.subarray(0, -1));
      await writePadding(response, padding);
      body = body.subarray(-1);
    }
    response.end(body);
  }
}

async function writePadding(response: ServerResponse, bytes: number): Promise<void> {
  for (let remaining = bytes; remaining > 0 && !response.destroyed; remaining -= PADDING.length) {
    if (response.write(PADDING.subarray(0, Math.min(remaining, PADDING.length)))) continue;
    await new Promise<void>((resolve) => {
      response.once("drain", resolve);
      response.once("close", resolve);
    });
  }
}

/** Waits; false when the client has gone meanwhile. */
function delay(ms: number, response: ServerResponse): Promise<boolean> {
  if (ms <= 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const onClose = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      response.off("close", onClose);
      resolve(true);
    }, ms);
    response.once("close", onClose);
  });
}
