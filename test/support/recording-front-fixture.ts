import { once } from "node:events";
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server as HttpServer,
} from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Override {
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** A server before another one on 127.0.0.1, which records requests and can answer differently. */
export class RecordingFront {
  readonly requests: RecordedRequest[] = [];
  /** What to change in the response to a request; null: nothing. */
  override: (request: RecordedRequest) => Override | null = () => null;
  /** How many connections it has accepted. */
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #silent = new WeakSet<Socket>();
  readonly #server: HttpServer;

  private constructor(targetPort: number) {
    this.#server = createHttpServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
      if (this.#silent.has(incoming.socket)) return;
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const { method = "", url: target = "", headers } = incoming;
        const body = Buffer.concat(chunks);
        const recorded = { method, target, headers, body: body.toString("latin1") };
        this.requests.push(recorded);
        const override = this.override(recorded);
        if (override?.status !== undefined) {
          outgoing.writeHead(override.status, override.headers).end();
          return;
        }
        const forwarded = httpRequest(
          { host: "127.0.0.1", port: targetPort, method, path: target, headers },
          (response) => {
            // They are about the connection to the other server.
            const {
              connection: _connection,
              "keep-alive": _keepAlive,
              ...others
            } = response.headers;
            outgoing.writeHead(response.statusCode ?? 502, {
              ...others,
              ...override?.headers,
            });
            response.pipe(outgoing);
          },
        );
        forwarded.on("error", () => outgoing.destroy()).end(body);
      });
    });
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(targetUrl: string): Promise<RecordingFront> {
    const front = new RecordingFront(Number(new URL(targetUrl).port));
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    return front;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Keeps the present connections open, and answers nothing more on them. */
  silence(): void {
    for (const socket of this.#sockets) this.#silent.add(socket);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Records the bytes that anybody sends to it, and answers nothing. */
export class RecordingListener {
  received = "";
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("data", (chunk) => (this.received += chunk.toString("latin1")));
    socket.on("error", () => undefined);
  });

  static async start(): Promise<RecordingListener> {
    const listener = new RecordingListener();
    listener.#server.listen(0, "127.0.0.1");
    await once(listener.#server, "listening");
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Forwards connections to a port of 127.0.0.1, which can change. */
export class SwitchedPort {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((client) => {
    const target = connect(this.#target, "127.0.0.1");
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => undefined).on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  #target: number;

  private constructor(target: number) {
    this.#target = target;
  }

  static async start(target: number): Promise<SwitchedPort> {
    const port = new SwitchedPort(target);
    port.#server.listen(0, "127.0.0.1");
    await once(port.#server, "listening");
    return port;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections, and forwards new ones to another port. */
  switchTo(target: number): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  stop(): void {
    this.#server.close();
    this.switchTo(0);
  }
}
