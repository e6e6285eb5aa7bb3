import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { bearerOf, Exchange, webexError, type Reply } from "./exchange.js";
import type { FaultRule } from "./faults.js";
import type { LoggedRequest } from "./request-log.js";
import type { World } from "./world.js";

const compress = promisify(gzip);
const PADDING = Buffer.alloc(1024 * 1024, " ");
const GATEWAY_PAGE =
  "<html><head><title>Bad gateway</title></head><body><center><h1>The upstream is not well</h1></center></body></html>";

export interface Listening {
  readonly host?: string;
  readonly port?: number;
  /** Serve https with this key and certificate (PEM). */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The HTTP server: reads requests, lets faults strike, asks the routes, writes answers. */
export class FrontDoor {
  readonly #world: World;
  readonly #route: (exchange: Exchange) => Promise<Reply>;
  #server: Server | null = null;

  constructor(world: World, route: (exchange: Exchange) => Promise<Reply>) {
    this.#world = world;
    this.#route = route;
  }

  /** Resolves with the address, such as `http://127.0.0.1:49152`. */
  async start(listening: Listening): Promise<string> {
    const host = listening.host ?? "127.0.0.1";
    const answer: RequestListener = (request, response) => void this.#serve(request, response, listening.tls !== undefined);
    const server = listening.tls ? createTlsServer(listening.tls, answer) : createServer(answer);
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(listening.port ?? 0, host, resolve);
    });
    const { port } = server.address() as AddressInfo;
    return `${listening.tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, secure: boolean): Promise<void> {
    const url = new URL(request.url ?? "/", `${secure ? "https" : "http"}://${request.headers.host ?? "127.0.0.1"}`);
    const control = url.pathname === "/simulator" || url.pathname.startsWith("/simulator/");
    const bearer = bearerOf(request);
    const orgId = bearer === null ? null : (this.#world.tokens.organizationOf(bearer)?.id ?? null);
    const entry = control
      ? null
      : this.#world.requests.open({
          at: this.#world.now(),
          method: request.method ?? "GET",
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          bearer: bearer !== null,
        });
    if (entry) entry.orgId = orgId;
    const fault = control ? null : this.#world.faults.take({ path: url.pathname, orgId });
    const exchange = new Exchange(request, url, `ROUTER_${randomUUID().toUpperCase()}`, fault);
    try {
      const waited = control || (await pause(this.#world.knobs.latencyMs, response));
      if (!waited || fault?.kind === "hang") {
        this.#close(entry, null);
        return;
      }
      if (fault?.kind === "reset") {
        this.#close(entry, null);
        request.socket.resetAndDestroy();
        return;
      }
      const reply = (fault && this.#struck(exchange, fault)) ?? (await this.#routed(exchange));
      if (!control && !(await pause((reply.persons ?? 0) * this.#world.knobs.latencyPerPersonMs, response))) {
        this.#close(entry, null);
        return;
      }
      this.#close(entry, reply.status);
      await this.#write(exchange, response, reply, control);
    } catch (error) {
      // A client that hangs up in the middle is everyday life here; anything else is a defect of the simulator and must be seen.
      if (!response.destroyed) process.stderr.write(`simulator: ${String(error)}\n`);
      response.destroy();
    }
  }

  #close(entry: LoggedRequest | null, status: number | null): void {
    if (entry) this.#world.requests.close(entry, status);
  }

  /** The answer that a fault gives in place of the routes, or null where the routes play it. */
  #struck(exchange: Exchange, fault: FaultRule): Reply | null {
    if (fault.kind === "redirect") {
      const to = fault.to ?? this.#world.foreignUrl;
      return { status: fault.status ?? 302, headers: { location: `${to}${exchange.url.pathname}${exchange.url.search}` } };
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
        return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(fault.body) };
    }
  }

  async #routed(exchange: Exchange): Promise<Reply> {
    try {
      return await this.#route(exchange);
    } catch (error) {
      if (error instanceof RangeError || error instanceof URIError) return webexError(exchange, 400, error.message);
      throw error;
    }
  }

  async #write(exchange: Exchange, response: ServerResponse, reply: Reply, control: boolean): Promise<void> {
    const { knobs } = this.#world;
    const trackingIds = new Array<string>(control ? 0 : knobs.trackingIdRepeats).fill(exchange.trackingId);
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
    if (trackingIds.length > 0) response.setHeader("TrackingID", trackingIds);
    let body = Buffer.from(reply.body ?? "");
    const padding = reply.padding ?? 0;
    if (knobs.gzip && padding === 0 && body.length > 1000 && /\bgzip\b/.test(exchange.request.headers["accept-encoding"] ?? "")) {
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
      await pad(response, padding);
      body = body.subarray(-1);
    }
    response.end(body);
  }
}

async function pad(response: ServerResponse, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !response.destroyed; left -= PADDING.length) {
    if (response.write(PADDING.subarray(0, Math.min(left, PADDING.length)))) continue;
    await new Promise<void>((resolve) => {
      response.once("drain", resolve);
      response.once("close", resolve);
    });
  }
}

/** Waits; false when the client has gone meanwhile. */
function pause(ms: number, response: ServerResponse): Promise<boolean> {
  if (ms <= 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const gone = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      response.off("close", gone);
      resolve(true);
    }, ms);
    response.once("close", gone);
  });
}
