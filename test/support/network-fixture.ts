import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type Server, type TlsOptions } from "node:tls";

import type { KeyPair } from "./certificates-fixture.js";
import { hasTool } from "./required-tool-fixture.js";
import { WorkerHarness, type WorkerHarnessOptions } from "./worker-harness.js";

/** Why this machine cannot run a worker with a network or files of its own; null if it can. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== "linux") return "namespaces exist on Linux only";
  const isAllowed = spawnSync("unshare", ["-mn", "true"], { stdio: "ignore" }).status === 0;
  return isAllowed ? null : "only root may create namespaces";
}

/** Why a program is missing; null if it is there. */
export function whyNoTool(name: string, debianPackage: string): string | null {
  return hasTool(name) ? null : `${name} is not installed (Debian package: ${debianPackage})`;
}

/** A temporary folder that `close` removes. */
export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), "ucx-network-"));

  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  /** A program that runs shell commands first, and then Node.js with the given arguments. */
  writeLauncher(namespaces: string, commands: readonly string[]): string {
    const inside = [...commands, `exec '${process.execPath}' "$@"`].join(" && ");
    const quoted = inside.replaceAll("'", `'\\''`);
    const path = this.write(
      "launch",
      `#!/bin/sh\nexec unshare ${namespaces} sh -c '${quoted}' sh "$@"\n`,
    );
    chmodSync(path, 0o755);
    return path;
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * A TLS server before the simulated Webex: its certificate can change, its connections can be cut,
 * and it can stop listening and listen again on the same port.
 */
export class TlsFront {
  readonly #host: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #options: TlsOptions;
  #port = 0;
  #targetPort = 0;

  private constructor(host: string, pair: KeyPair) {
    this.#host = host;
    this.#options = pair;
  }

  static async start(pair: KeyPair, host = "127.0.0.1"): Promise<TlsFront> {
    const front = new TlsFront(host, pair);
    await front.listen();
    return front;
  }

  /** The settings with which a worker finds it. */
  ini(name: string, caFile: string): string[] {
    return [
      `WebexPresence.ApiUrl=https://${name}:${this.#port}/v1`,
      `WebexPresence.CaFile=${caFile}`,
    ];
  }

  get port(): number {
    return this.#port;
  }

  /** A worker that reaches the simulator by it alone, and has completed its first sweep. */
  async startPolling(options: WorkerHarnessOptions): Promise<WorkerHarness> {
    const harness = await WorkerHarness.start({ enable: 1, ...options });
    this.#targetPort = Number(new URL(harness.webex.url).port);
    await harness.authorize();
    await harness.waitForSweep(0, 15_000);
    return harness;
  }

  /** Uses another certificate or other versions of TLS from now on. */
  async use(options: TlsOptions): Promise<void> {
    this.#options = options;
    await this.close();
    await this.listen();
  }

  async listen(): Promise<void> {
    const server = createTlsServer(this.#options, (socket) => this.#forward(socket));
    // Those that do not complete the handshake, too.
    server.on("connection", (socket: Socket) => this.#track(socket));
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(this.#port, this.#host, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    this.cut();
    await closed;
  }

  #forward(client: Socket): void {
    const server = this.#track(connectTcp(this.#targetPort, "127.0.0.1"));
    client.on("error", () => undefined);
    client.pipe(server).pipe(client);
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
  }
}

/** Resolves when a server accepts connections; rejects if it ends or takes 5 s. */
export async function untilListening(
  port: number,
  host: string,
  hasFailed: () => boolean,
): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await listens(port, host))) {
    if (hasFailed() || performance.now() > deadline)
      throw new Error(`Nothing listens on ${host}:${port}.`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function listens(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, host);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A TCP server that accepts connections and says nothing. */
export class SilentServer {
  readonly #server = createTcpServer((socket) => {
    this.#isConnected = true;
    this.#sockets.add(socket.on("error", () => undefined));
  });
  #isConnected = false;
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<SilentServer> {
    const silent = new SilentServer();
    await new Promise<void>((resolve) => silent.#server.listen(0, "127.0.0.1", resolve));
    return silent;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whether there has been a connection since the last call. */
  takeConnection(): boolean {
    const wasConnected = this.#isConnected;
    this.#isConnected = false;
    return wasConnected;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}
