import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { Fault } from "../faults/fault.js";
import type {
  ListenOnLoopback,
  LoopbackEventStream,
  LoopbackHandler,
  LoopbackRequest,
  LoopbackServer,
} from "../ports/loopback-server.js";
import { lazyHttp } from "./lazy-modules.js";
import { withTimeout } from "./system-clock.js";

const MAX_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often Node looks for requests that take longer; by default, every 30 s. */
const TIMEOUT_CHECK_MS = 1_000;
/**
 * Connections whose request has not come yet. A browser has a few; whoever opens more must neither
 * use up the process's files, which polling needs, too, nor keep the page from others.
 */
const MAX_CONNECTIONS_WITHOUT_REQUEST = 32;
const CLOSE_GRACE_MS = 500;

/** A browser that no longer reads, as that of a suspended machine, must not fill the memory. */
const MAX_UNREAD_EVENT_BYTES = 1024 * 1024;

/** A machine without IPv6 reports one of these for ::1. */
const ADDRESS_UNAVAILABLE = /^(EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL|EPROTONOSUPPORT)$/;

/** Listens with node:http. */
export const listenOnLoopback: ListenOnLoopback = async (port, handler) => {
  const server = new NodeLoopbackServer(handler);
  await server.listen(port);
  return server;
};

class NodeLoopbackServer implements LoopbackServer {
  port = 0;
  readonly #handler: LoopbackHandler;
  /** One for each address. */
  readonly #servers: Server[] = [];
  readonly #inFlight = new Set<ServerResponse>();
  readonly #streams = new Set<ServerResponse>();
  /** The oldest first. */
  readonly #connectionsWithoutRequest = new Set<Socket>();
  #closing: Promise<void> | null = null;

  constructor(handler: LoopbackHandler) {
    this.#handler = handler;
  }

  async listen(port: number): Promise<void> {
    try {
      await this.#listenOn("127.0.0.1", port);
      await this.#listenOn("::1", this.port).catch((error: unknown) => {
        if (!ADDRESS_UNAVAILABLE.test(codeOf(error))) throw error;
      });
    } catch (error) {
      await this.close();
      throw toListenFault(port, error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #listenOn(host: string, port: number): Promise<void> {
    const server = lazyHttp().createServer(
      {
        maxHeaderSize: MAX_BODY_BYTES,
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
        // Stated, because Node would otherwise follow --insecure-http-parser.
        insecureHTTPParser: false,
      },
      (request, response) => void this.#handle(request, response),
    );
    server.on("connection", (socket: Socket) => this.#limitConnections(socket));
    return new Promise((resolve, reject) => {
      // The listener stays: a connection that could not be accepted (EMFILE) is an "error" event
      // too, and would end the process without one. The server goes on listening.
      server.on("error", reject);
      server.listen({ host, port }, () => {
        this.port = (server.address() as AddressInfo).port;
        this.#servers.push(server);
        resolve();
      });
    });
  }

  async #close(): Promise<void> {
    const closed = Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    );
    for (const response of this.#streams) response.end();
    const ended = [...this.#inFlight].map(
      (response) => new Promise((resolve) => response.once("close", resolve)),
    );
    await withTimeout(Promise.all(ended), CLOSE_GRACE_MS, null);
    for (const server of this.#servers) server.closeAllConnections();
    await closed;
  }

  /** The new connection takes the place of the one that has waited longest. */
  #limitConnections(socket: Socket): void {
    this.#connectionsWithoutRequest.add(socket);
    socket.once("close", () => this.#connectionsWithoutRequest.delete(socket));
    const [oldest] = this.#connectionsWithoutRequest;
    if (
      oldest === undefined ||
      this.#connectionsWithoutRequest.size <= MAX_CONNECTIONS_WITHOUT_REQUEST
    )
      return;
    this.#connectionsWithoutRequest.delete(oldest);
    oldest.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Pipelined: Node does not close its response with the connection, so whoever sends many would
    // fill the memory. Browsers send none. The response before it closes the connection.
    if (response.socket === null) return;
    this.#inFlight.add(response);
    response.once("close", () => this.#inFlight.delete(response));
    try {
      const loopbackRequest = await readRequest(request);
      if (loopbackRequest === null) {
        writePage(response, 413, "The request is too long.");
        return;
      }
      this.#connectionsWithoutRequest.delete(request.socket);
      const answer = await this.#handler(loopbackRequest);
      if (response.destroyed) return;
      if (answer.kind === "page") writePage(response, answer.status, answer.body, answer.headers);
      else this.#stream(response, answer);
    } catch {
      if (response.headersSent) response.destroy();
      else writePage(response, 500, "Something went wrong in the worker; see its log.");
    }
  }

  #stream(response: ServerResponse, events: LoopbackEventStream): void {
    response.writeHead(200, {
      ...events.headers,
      "content-type": "text/event-stream; charset=utf-8",
      connection: "close",
    });
    response.flushHeaders();
    const dispose = events.open((data) => {
      const lines = data.replace(/\r\n|\r|\n/g, "\ndata: ");
      if (response.destroyed || response.writableEnded) return;
      response.write(`data: ${lines}\n\n`);
      if (response.writableLength > MAX_UNREAD_EVENT_BYTES) response.destroy();
    });
    this.#streams.add(response);
    response.once("close", () => {
      this.#streams.delete(response);
      dispose();
    });
    if (this.#closing !== null) response.end();
  }
}

function toListenFault(port: number, cause: unknown): Fault {
  const code = codeOf(cause);
  // Windows reserves whole ranges of ports (Hyper-V, WinNAT) and refuses them with EACCES.
  if (code !== "EADDRINUSE" && code !== "EACCES")
    return new Fault("defect", "The system refused to listen on the loopback address.", { cause });
  const isReserved = code === "EACCES";
  const text = isReserved
    ? `The system has reserved port ${port}.`
    : `Another program listens on port ${port}.`;
  return new Fault("portInUse", text, { cause, data: { port, isReserved } });
}

/** Returns null if the body exceeds the limit. */
async function readRequest(request: IncomingMessage): Promise<LoopbackRequest | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (length > MAX_BODY_BYTES) return null;
  const headers: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(request.headers))
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  const { method = "", url: target = "" } = request;
  return { method, target, headers, body: Buffer.concat(chunks).toString("utf8") };
}

/** Connections are not persistent: an idle one would delay `close`. */
function writePage(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    ...headers,
    connection: "close",
  });
  response.end(body);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
