import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Server as TcpServer, Socket } from "node:net";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { TlsOptions } from "node:tls";

import { expect } from "chai";

import { Fault } from "../../src/faults/fault.js";
import { createAxiosHttp } from "../../src/platform/axios-http.js";
import type { Http, HttpRequest, HttpRoute } from "../../src/ports/http.js";
import type { KeyPair } from "./certificates-fixture.js";

/** The HTTP adapter for a direct route without additional certificates, unless changed. */
export function openHttp(changes: Partial<HttpRoute> = {}): Http {
  const direct = { proxy: "none", proxyPassword: null, extraCertificates: null };
  return createAxiosHttp({ ...direct, ...changes });
}

/** A GET with a short deadline. */
export function getRequest(url: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: "GET",
    url,
    headers: {},
    timeoutMs: 5_000,
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

/** The fault that a call rejects with. */
export async function faultOf(call: Promise<unknown>): Promise<Fault> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("The call did not fail.");
}

/** Expects that a call rejects as `webexUnreachable` for that reason. */
export async function expectUnreachable(call: Promise<unknown>, reason: string): Promise<Fault> {
  const fault = await faultOf(call);
  expect([fault.code, fault.data.reason]).to.deep.equal(["webexUnreachable", reason]);
  return fault;
}

/** A real server on a free loopback port that records its connections and requests. */
export class TestServer {
  readonly sockets = new Set<Socket>();
  /** The number of connections accepted. */
  connections = 0;
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;
  readonly #scheme: string;

  constructor(listener: RequestListener, secure?: KeyPair & TlsOptions) {
    const record = (request: IncomingMessage, response: ServerResponse): void => {
      this.requests.push(request);
      listener(request, response);
    };
    this.#server = secure === undefined ? createServer(record) : createSecureServer(secure, record);
    this.#scheme = secure === undefined ? "http" : "https";
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  /** Handles CONNECT requests, as a proxy does. */
  onConnect(handle: (socket: Socket, target: string) => void): void {
    this.#server.on("connect", ({ url = "" }, socket: Socket) => handle(socket, url));
  }

  async start(): Promise<this> {
    await listenOnFreePort(this.#server);
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path: string, host = "127.0.0.1"): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Lets a server listen on a loopback port, and returns the port. */
export async function listenOnFreePort(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A loopback port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listenOnFreePort(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A real tinyproxy on a free loopback port. */
export class TestProxy {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(port: number, folder: string, process: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#process = process;
  }

  /** With credentials (letters and digits only), it requires them. */
  static async start(
    credentials?: { user: string; password: string },
    listenPort?: number,
  ): Promise<TestProxy> {
    const port = listenPort ?? (await closedPort());
    const folder = mkdtempSync(join(tmpdir(), "ucx-proxy-"));
    const logFile = `LogFile "${join(folder, "log")}"\nLogLevel Connect`;
    const login = credentials && `BasicAuth ${credentials.user} ${credentials.password}`;
    writeFileSync(
      join(folder, "conf"),
      `Port ${port}\nListen 127.0.0.1\nTimeout 30\n${logFile}\nMaxClients 20\n${login ?? ""}\n`,
    );
    const process = spawn("tinyproxy", ["-d", "-c", join(folder, "conf")], { stdio: "ignore" });
    const proxy = new TestProxy(port, folder, process);
    for (let tries = 0; !(await listens(port)); tries += 1) {
      if (tries > 100 || process.exitCode !== null) {
        process.kill("SIGKILL");
        throw new Error("tinyproxy did not start");
      }
      await pause(50);
    }
    return proxy;
  }

  /** The requests received: `CONNECT host:port` and `GET http://…` lines. */
  get requests(): string[] {
    const log = readFileSync(join(this.#folder, "log"), "utf8");
    return [...log.matchAll(/Request \(file descriptor \d+\): (.*) HTTP\/1\.1/g)].map(
      (match) => match[1] ?? "",
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
