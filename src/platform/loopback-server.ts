import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { lazyHttp } from "./lazy-modules.js";
import { Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import type {
  ListenOnLoopback,
  LoopbackResponse,
  LoopbackEventStream,
  LoopbackHandler,
  LoopbackServer,
} from "../ports/loopback-server.js";

const MAX_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 500;

/** What a machine without IPv6 says when asked for ::1. */
const ADDRESS_UNAVAILABLE = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL", "EPROTONOSUPPORT"]);
/** EACCES: Windows keeps whole ranges of ports for itself (Hyper-V, WinNAT). */
const PORT_UNAVAILABLE = new Set(["EADDRINUSE", "EACCES"]);

/** The real loopback server, on node:http. */
export const listenOnLoopback: ListenOnLoopback = async (port, handler) => {
  const exchanges = new Exchanges(handler);
  const ipv4Server = await listen(exchanges, "127.0.0.1", port);
  const boundPort = (ipv4Server.address() as AddressInfo).port;
  try {
    return new NodeLoopbackServer(
      boundPort,
      [ipv4Server, await listen(exchanges, "::1", boundPort)],
      exchanges,
    );
  } catch (error) {
    if (error instanceof Fault) {
      await closeServer(ipv4Server);
      throw error;
    }
    return new NodeLoopbackServer(boundPort, [ipv4Server], exchanges);
  }
};

class NodeLoopbackServer implements LoopbackServer {
  readonly port: number;
  readonly #servers: readonly Server[];
  readonly #exchanges: Exchanges;
  #closing: Promise<void> | null = null;

  constructor(port: number, servers: readonly Server[], exchanges: Exchanges) {
    this.port = port;
    this.#servers = servers;
    this.#exchanges = exchanges;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const gone = Promise.all(this.#servers.map(closeServer));
    await this.#exchanges.end(CLOSE_GRACE_MS);
    for (const server of this.#servers) server.closeAllConnections();
    await gone;
  }
}

/** The answers under way, on both addresses. */
class Exchanges {
  readonly #handler: LoopbackHandler;
  readonly #inFlight = new Set<ServerResponse>();
  readonly #streams = new Set<ServerResponse>();
  #isClosing = false;
  #onIdle: (() => void) | null = null;

  constructor(handler: LoopbackHandler) {
    this.#handler = handler;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight.add(response);
    response.once("close", () => {
      this.#inFlight.delete(response);
      if (this.#inFlight.size === 0) this.#onIdle?.();
    });
    try {
      const body = await readBody(request);
      if (body === null) writePage(response, 413, {}, "The request is too long.");
      else this.#write(response, await this.#handler(toLoopbackRequest(request, body)));
    } catch {
      if (!response.headersSent)
        writePage(response, 500, {}, "Something went wrong inside the worker; its log says what.");
      else response.destroy();
    }
  }

  async end(graceMs: number): Promise<void> {
    this.#isClosing = true;
    for (const response of this.#streams) response.end();
    if (this.#inFlight.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #write(response: ServerResponse, answer: LoopbackResponse): void {
    if (response.destroyed) return;
    if (answer.kind === "page") writePage(response, answer.status, answer.headers, answer.body);
    else this.#stream(response, answer);
  }

  #stream(response: ServerResponse, events: LoopbackEventStream): void {
    response.writeHead(200, {
      ...events.headers,
      "content-type": "text/event-stream; charset=utf-8",
      connection: "close",
    });
    response.flushHeaders();
    this.#streams.add(response);
    let isClosed = false;
    let dispose: Disposer | null = null;
    response.once("close", () => {
      isClosed = true;
      this.#streams.delete(response);
      dispose?.();
    });
    dispose = events.open((data) => {
      if (!isClosed && !response.writableEnded) response.write(formatEvent(data));
    });
    if (this.#isClosing) response.end();
  }
}

function listen(exchanges: Exchanges, address: string, port: number): Promise<Server> {
  const server = lazyHttp().createServer(
    { maxHeaderSize: MAX_BODY_BYTES, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      void exchanges.answer(request, response);
    },
  );
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (PORT_UNAVAILABLE.has(error.code ?? "")) reject(portInUse(port, error));
      else if (address === "::1" && ADDRESS_UNAVAILABLE.has(error.code ?? "")) reject(error);
      else
        reject(
          new Fault("defect", "The machine refused to listen on its loopback address.", {
            cause: error,
          }),
        );
    });
    server.listen({ host: address, port }, () => {
      server.removeAllListeners("error");
      resolve(server);
    });
  });
}

function portInUse(port: number, cause: NodeJS.ErrnoException): Fault {
  const reserved = cause.code === "EACCES";
  return new Fault(
    "redirectPortInUse",
    reserved
      ? `The system does not give out port ${port}, so the authorization page cannot be shown.`
      : `Another program listens on port ${port}, so the authorization page cannot be shown.`,
    {
      cause,
      hint: reserved
        ? "Set WebexPresence.RedirectPort to a port outside the ranges of `netsh interface ipv4 show excludedportrange protocol=tcp`, and register its redirect URI with the integration."
        : "End that program, or set WebexPresence.RedirectPort to another port and register its redirect URI with the integration.",
      data: { port },
    },
  );
}

/** The body as text, or null when it is over the limit. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString("utf8") : null;
}

function toLoopbackRequest(request: IncomingMessage, body: string) {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { method: request.method ?? "", target: request.url ?? "", headers, body };
}

/** Connections are not kept: one that idles would hold up `close`. */
function writePage(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    ...headers,
    connection: "close",
  });
  response.end(body);
}

function formatEvent(data: string): string {
  return `${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("")}\n`;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
