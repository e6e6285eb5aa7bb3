import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { Disposer } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import type {
  ListenOnLoopback,
  LoopbackEventStream,
  LoopbackHandler,
  LoopbackRequest,
  LoopbackServer,
} from "../ports/loopback-server.js";
import { lazyHttp } from "./lazy-modules.js";

const MAX_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 500;

/** A machine without IPv6 reports one of these for ::1. */
const ADDRESS_UNAVAILABLE = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL", "EPROTONOSUPPORT"]);

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
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(handler: LoopbackHandler) {
    this.#handler = handler;
  }

  async listen(port: number): Promise<void> {
    try {
      await this.#listenOn("127.0.0.1", port);
      await this.#listenOn("::1", this.port).catch((error: unknown) => {
        if (!ADDRESS_UNAVAILABLE.has(codeOf(error))) throw error;
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
      { maxHeaderSize: MAX_BODY_BYTES, requestTimeout: REQUEST_TIMEOUT_MS },
      (request, response) => void this.#handle(request, response),
    );
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
    if (this.#inFlight.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_GRACE_MS);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const server of this.#servers) server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight.add(response);
    response.once("close", () => {
      this.#inFlight.delete(response);
      if (this.#inFlight.size === 0) this.#onIdle?.();
    });
    try {
      const body = await readBody(request);
      if (body === null) {
        writePage(response, 413, {}, "The request is too long.");
        return;
      }
      const answer = await this.#handler(toLoopbackRequest(request, body));
      if (response.destroyed) return;
      if (answer.kind === "page") writePage(response, answer.status, answer.headers, answer.body);
      else this.#stream(response, answer);
    } catch {
      if (response.headersSent) response.destroy();
      else writePage(response, 500, {}, "Something went wrong in the worker; see its log.");
    }
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
    if (this.#closing !== null) response.end();
  }
}

function toListenFault(port: number, cause: unknown): Fault {
  const code = codeOf(cause);
  // Windows reserves whole ranges of ports (Hyper-V, WinNAT) and refuses them with EACCES.
  if (code !== "EADDRINUSE" && code !== "EACCES")
    return new Fault("defect", "The system refused to listen on the loopback address.", { cause });
  return new Fault(
    "redirectPortInUse",
    code === "EACCES"
      ? `The system has reserved port ${port}, so the authorization page cannot be shown.`
      : `Another program listens on port ${port}, so the authorization page cannot be shown.`,
    {
      cause,
      hint:
        code === "EACCES"
          ? "Set WebexPresence.RedirectPort to a port outside the ranges of `netsh interface ipv4 show excludedportrange protocol=tcp`, and register its redirect URI with the integration."
          : "End that program, or set WebexPresence.RedirectPort to another port and register its redirect URI with the integration.",
      data: { port },
    },
  );
}

/** Returns the body as text, or null if it exceeds the limit. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString("utf8") : null;
}

function toLoopbackRequest(request: IncomingMessage, body: string): LoopbackRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { method: request.method ?? "", target: request.url ?? "", headers, body };
}

/** Connections are not persistent: an idle one would delay `close`. */
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

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
