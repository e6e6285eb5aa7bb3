import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { lateHttp } from "./late-builtin.js";
import { Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import type {
  ListenOnLoopback,
  LoopbackAnswer,
  LoopbackEvents,
  LoopbackHandler,
  LoopbackServer,
} from "../ports/loopback-server.js";

const MAX_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 500;

/** What a machine without IPv6 says when asked for ::1. */
const NO_SUCH_ADDRESS = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL", "EPROTONOSUPPORT"]);
/** EACCES: Windows keeps whole ranges of ports for itself (Hyper-V, WinNAT). */
const PORT_TAKEN = new Set(["EADDRINUSE", "EACCES"]);

/** The real loopback server, on node:http. */
export const listenOnLoopback: ListenOnLoopback = async (port, handler) => {
  const exchanges = new Exchanges(handler);
  const first = await listen(exchanges, "127.0.0.1", port);
  const bound = (first.address() as AddressInfo).port;
  try {
    return new NodeLoopbackServer(bound, [first, await listen(exchanges, "::1", bound)], exchanges);
  } catch (error) {
    if (error instanceof Fault) {
      await closed(first);
      throw error;
    }
    return new NodeLoopbackServer(bound, [first], exchanges);
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
    const gone = Promise.all(this.#servers.map(closed));
    await this.#exchanges.end(CLOSE_GRACE_MS);
    for (const server of this.#servers) server.closeAllConnections();
    await gone;
  }
}

/** The answers under way, on both addresses. */
class Exchanges {
  readonly #handler: LoopbackHandler;
  readonly #underWay = new Set<ServerResponse>();
  readonly #streams = new Set<ServerResponse>();
  #ending = false;
  #onIdle: (() => void) | null = null;

  constructor(handler: LoopbackHandler) {
    this.#handler = handler;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#underWay.add(response);
    response.once("close", () => {
      this.#underWay.delete(response);
      if (this.#underWay.size === 0) this.#onIdle?.();
    });
    try {
      const body = await readBody(request);
      if (body === null) writePage(response, 413, {}, "The request is too long.");
      else this.#write(response, await this.#handler(asked(request, body)));
    } catch {
      if (!response.headersSent) writePage(response, 500, {}, "Something went wrong inside the worker; its log says what.");
      else response.destroy();
    }
  }

  async end(graceMs: number): Promise<void> {
    this.#ending = true;
    for (const response of this.#streams) response.end();
    if (this.#underWay.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #write(response: ServerResponse, answer: LoopbackAnswer): void {
    if (response.destroyed) return;
    if (answer.kind === "page") writePage(response, answer.status, answer.headers, answer.body);
    else this.#stream(response, answer);
  }

  #stream(response: ServerResponse, events: LoopbackEvents): void {
    response.writeHead(200, { ...events.headers, "content-type": "text/event-stream; charset=utf-8", connection: "close" });
    response.flushHeaders();
    this.#streams.add(response);
    let left = false;
    let dispose: Disposer | null = null;
    response.once("close", () => {
      left = true;
      this.#streams.delete(response);
      dispose?.();
    });
    dispose = events.open((data) => {
      if (!left && !response.writableEnded) response.write(asEvent(data));
    });
    if (this.#ending) response.end();
  }
}

function listen(exchanges: Exchanges, address: string, port: number): Promise<Server> {
  const server = lateHttp().createServer(
    { maxHeaderSize: MAX_BODY_BYTES, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      void exchanges.answer(request, response);
    },
  );
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (PORT_TAKEN.has(error.code ?? "")) reject(portInUse(port, error));
      else if (address === "::1" && NO_SUCH_ADDRESS.has(error.code ?? "")) reject(error);
      else reject(new Fault("defect", "The machine refused to listen on its loopback address.", { cause: error }));
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

function asked(request: IncomingMessage, body: string) {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { method: request.method ?? "", target: request.url ?? "", headers, body };
}

/** Connections are not kept: one that idles would hold up `close`. */
function writePage(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers, connection: "close" });
  response.end(body);
}

function asEvent(data: string): string {
  return `${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("")}\n`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
