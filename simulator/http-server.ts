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
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { brotliCompress, constants, createGzip, gzip } from "node:zlib";
import {
  bearerToken,
  Exchange,
  webexError,
  type Reply,
  type SimulatorContext,
} from "./exchange.js";
import { gatewayResponse } from "./gateway-responses.js";
import { waitForRelease } from "./held-responses.js";
import { OAuthRoutes } from "./oauth-routes.js";
import { handlePeopleRequest } from "./people-routes.js";

const MIN_COMPRESSED_BYTES = 1000;
const SLOW_BYTE_MS = 500;
const DEFAULT_BOMB_BYTES = 80 * 1024 * 1024;
const PADDING = Buffer.alloc(1024 * 1024, " ");
const GATEWAY_PAGE =
  "<html><head><title>Bad gateway</title></head><body><center><h1>The upstream is not well</h1></center></body></html>";

export interface ListenOptions {
  readonly host?: string;
  readonly port?: number;
  /** Serves HTTPS with this key and certificate (PEM). */
  readonly tls?: { readonly key: string; readonly cert: string };
}

type Handler = (exchange: Exchange) => Promise<Reply>;

/** The HTTP server: logs requests, applies faults and delays, and dispatches to the routes. */
export class SimulatorServer {
  readonly #context: SimulatorContext;
  readonly #handleControl: Handler;
  readonly #oauth = new OAuthRoutes();
  #server: Server | null = null;

  constructor(context: SimulatorContext, handleControl: Handler) {
    this.#context = context;
    this.#handleControl = handleControl;
  }

  /** Resolves with the base URL, such as `http://127.0.0.1:49152`. */
  async start({ host = "127.0.0.1", port = 0, tls }: ListenOptions): Promise<string> {
    const scheme = tls ? "https" : "http";
    const listener: RequestListener = (request, response) =>
      void this.#serve(request, response, scheme);
    const server = tls ? createTlsServer(tls, listener) : createServer(listener);
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    const address = server.address() as AddressInfo;
    return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, scheme: string): Promise<void> {
    try {
      const base = `${scheme}://${request.headers.host ?? "127.0.0.1"}`;
      const url = new URL(request.url ?? "/", base);
      const isControl = url.pathname === "/simulator" || url.pathname.startsWith("/simulator/");
      if (isControl) await this.#serveControl(request, response, url);
      else await this.#serveWebex(request, response, url);
    } catch (error) {
      // Clients that disconnect early are expected; any other error is a defect of the simulator.
      if (!response.destroyed) process.stderr.write(`simulator: ${String(error)}\n`);
      response.destroy();
    }
  }

  /** Control requests are not logged, delayed or subject to faults. */
  async #serveControl(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const options = { url, trackingId: trackingIdOf(request), fault: null };
    const exchange = new Exchange(this.#context, request, options);
    await this.#write(exchange, response, await replyOf(exchange, this.#handleControl));
  }

  async #serveWebex(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { tokens, requests, faults, holds, knobs, now } = this.#context;
    const bearer = bearerToken(request);
    const orgId = bearer === null ? null : (tokens.findOrganization(bearer)?.id ?? null);
    const logEntry = requests.open({
      at: now(),
      method: request.method ?? "GET",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      orgId,
      bearer: bearer !== null,
    });
    const parameters = [...url.searchParams.keys()];
    const fault = faults.consume({ path: url.pathname, parameters, orgId });
    const trackingId = trackingIdOf(request);
    const exchange = new Exchange(this.#context, request, { url, trackingId, fault });
    const hold = holds.take(logEntry);
    let reply = await this.#delayedReply(exchange, response);
    if (hold && !(await waitForRelease(hold, logEntry, response))) reply = null;
    requests.close(logEntry, reply?.status ?? null, now());
    if (reply) {
      const trackingIds = new Array<string>(knobs.trackingIdRepeats).fill(trackingId);
      const isFromWebex = fault?.kind !== "gateway";
      if (isFromWebex && trackingIds.length > 0) response.setHeader("TrackingID", trackingIds);
      await this.#write(exchange, response, reply);
    } else if (fault?.kind === "reset") {
      request.socket.resetAndDestroy();
    }
  }

  /** Resolves with null if no response is to be sent, because of a fault or a closed connection. */
  async #delayedReply(exchange: Exchange, response: ServerResponse): Promise<Reply | null> {
    const { latencyMs, latencyPerPersonMs } = this.#context.knobs;
    const { fault } = exchange;
    const isConnected = await delay(latencyMs, response);
    if (!isConnected || fault?.kind === "hang" || fault?.kind === "reset") return null;
    const reply =
      faultReply(exchange) ??
      (await replyOf(exchange, (webexExchange) => this.#route(webexExchange)));
    return (await delay((reply.persons ?? 0) * latencyPerPersonMs, response)) ? reply : null;
  }

  #route(exchange: Exchange): Promise<Reply> {
    const isPeopleApi = /^\/v1\/(people|organizations)(\/|$)/.test(exchange.url.pathname);
    return isPeopleApi
      ? Promise.resolve(handlePeopleRequest(exchange))
      : this.#oauth.handle(exchange);
  }

  async #write(exchange: Exchange, response: ServerResponse, reply: Reply): Promise<void> {
    for (const [name, value] of Object.entries(reply.headers ?? {})) {
      response.setHeader(name, value);
    }
    let body: Buffer = Buffer.from(reply.body ?? "");
    const padding = reply.padding ?? 0;
    const coding = await this.#encode(exchange, body, padding);
    if (coding !== null) {
      body = coding.body;
      response.setHeader("content-encoding", coding.name);
      response.setHeader("vary", "accept-encoding");
    }
    const faultKind = exchange.fault?.kind;
    if (faultKind === "truncatedJson") body = body.subarray(0, Math.floor(body.length / 2));
    const length = faultKind === "shortLength" ? Math.floor(body.length / 2) : body.length;
    response.writeHead(reply.status, { "content-length": length + padding });
    if (faultKind === "slowBody") {
      writeSlowly(response, body);
      return;
    }
    if (faultKind === "truncate" || faultKind === "hangInBody") {
      response.flushHeaders();
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => {
        if (faultKind === "truncate") response.destroy();
      });
      return;
    }
    if (padding > 0) {
      response.write(body.subarray(0, -1));
      await writePadding(response, padding);
      body = body.subarray(-1);
    }
    response.end(body);
  }

  /** Returns the body as the client accepts it or a fault demands; null to leave it as it is. */
  async #encode(
    { context, fault, request }: Exchange,
    body: Buffer,
    padding: number,
  ): Promise<{ readonly name: string; readonly body: Buffer } | null> {
    if (fault?.kind === "unknownCoding") return { name: "compress", body };
    if (fault?.kind === "truncatedGzip") {
      const whole = await compress.gzip(body);
      return { name: "gzip", body: whole.subarray(0, Math.floor(whole.length / 2)) };
    }
    if (fault?.kind === "gzipBomb")
      return { name: "gzip", body: await gzipBomb(body, fault.bytes ?? DEFAULT_BOMB_BYTES) };
    if (fault?.kind === "truncatedJson") return null;
    const name = context.knobs.compression;
    const { "accept-encoding": acceptEncoding = "" } = request.headers;
    const accepted = acceptEncoding.split(/[,;\s]+/);
    const isCompressible = padding === 0 && body.length > MIN_COMPRESSED_BYTES;
    if (name === "none" || !isCompressible || !accepted.includes(name)) return null;
    return { name, body: await compress[name](body) };
  }
}

const compress = {
  gzip: (body: Buffer): Promise<Buffer> => promisify(gzip)(body),
  /** Brotli's default is for files that are compressed once. */
  br: (body: Buffer): Promise<Buffer> =>
    promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
};

async function gzipBomb(body: Buffer, paddingBytes: number): Promise<Buffer> {
  function* content(): Generator<Buffer> {
    yield body.subarray(0, -1);
    for (let rest = paddingBytes; rest > 0; rest -= PADDING.length)
      yield PADDING.subarray(0, Math.min(rest, PADDING.length));
    yield body.subarray(-1);
  }
  return buffer(Readable.from(content()).pipe(createGzip({ level: 1 })));
}

/** Webex echoes the `TrackingID` that a client such as Cisco's SDKs sends, or creates one. */
function trackingIdOf({ headers }: IncomingMessage): string {
  const { trackingid } = headers;
  const isSent = typeof trackingid === "string" && trackingid !== "";
  return isSent ? trackingid : `ROUTER_${randomUUID().toUpperCase()}`;
}

/** A route's reply; a RangeError or URIError that it throws becomes a 400. */
async function replyOf(exchange: Exchange, handle: Handler): Promise<Reply> {
  try {
    return await handle(exchange);
  } catch (error) {
    if (error instanceof RangeError || error instanceof URIError) {
      return webexError(exchange, 400, error.message);
    }
    throw error;
  }
}

/** The response that a fault sends instead of the route's, or null. */
function faultReply(exchange: Exchange): Reply | null {
  const { fault, url } = exchange;
  if (fault?.kind === "redirect") {
    const location = `${fault.to ?? exchange.context.foreignOrigin.url}${url.pathname}${url.search}`;
    return { status: fault.status ?? 302, headers: { location } };
  }
  if (fault?.kind === "gateway") {
    const response = gatewayResponse(fault.form ?? "webServer", fault.status);
    return { ...response, headers: { ...response.headers, ...fault.headers } };
  }
  if (fault?.kind !== "status") return null;
  const { status = 503, headers = {}, body = "html" } = fault;
  switch (body) {
    case "empty":
      return { status, headers };
    case "webex":
      return webexError(exchange, status, "Something went wrong at Webex.", { headers });
    case "html":
      return { status, headers: { "content-type": "text/html", ...headers }, body: GATEWAY_PAGE };
    default:
      return {
        status,
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      };
  }
}

function writeSlowly(response: ServerResponse, body: Buffer): void {
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    if (sent < body.length) response.write(body.subarray(sent - 1, sent));
    else response.end(body.subarray(sent - 1));
  }, SLOW_BYTE_MS);
  response.once("close", () => clearInterval(timer));
}

async function writePadding(response: ServerResponse, bytes: number): Promise<void> {
  for (let remaining = bytes; remaining > 0 && !response.destroyed; remaining -= PADDING.length) {
    if (response.write(PADDING.subarray(0, Math.min(remaining, PADDING.length)))) continue;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        response.off("drain", settle).off("close", settle);
        resolve();
      };
      response.once("drain", settle).once("close", settle);
    });
  }
}

/** Resolves with false if the client disconnects before the time is up. */
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
