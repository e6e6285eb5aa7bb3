import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

import { RpcConnection } from "../src/client/connection.js";
import type { SimulatedService } from "./simulated-service.js";

export interface WorkerStatus {
  readonly phase: string;
  readonly organizations: readonly {
    readonly persons: number;
    readonly lastSweep: { readonly persons: number } | null;
  }[];
}

const STATUS_POLL_MS = 50;

/** The built worker, launched as by a host, in a temporary folder. */
export class WorkerProcess {
  readonly pid: number;
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly settingsPath: string;
  readonly #folder: string;
  readonly #rpc: RpcConnection;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>, folder: string) {
    if (child.pid === undefined) throw new Error("Cannot launch the worker.");
    this.pid = child.pid;
    this.child = child;
    this.#folder = folder;
    this.settingsPath = join(folder, "Presence.ini");
    this.#rpc = new RpcConnection(child.stdout, child.stdin);
    child.once("exit", () => void this.#rpc.close(new Error("The worker has exited.")));
  }

  /** `lines` are those of Presence.ini; without any, the file does not exist. */
  static async launch(
    worker: string,
    lines: readonly string[],
    executable = process.execPath,
  ): Promise<WorkerProcess> {
    const folder = await mkdtemp(join(tmpdir(), "ucx-bench-"));
    if (lines.length > 0)
      await writeFile(join(folder, "Presence.ini"), `${lines.join("\r\n")}\r\n`);
    const args = [worker, ...launchArguments(folder)];
    const child = spawn(executable, args, { stdio: ["pipe", "pipe", "ignore"] });
    await once(child, "spawn");
    return new WorkerProcess(child, folder);
  }

  request<T>(method: string, params?: object): Promise<T> {
    return this.#rpc.request(method, params) as Promise<T>;
  }

  async authorize(service: Pick<SimulatedService, "client" | "grant">): Promise<void> {
    await this.request("authorization/setClient", service.client);
    await this.request("authorization/import", service.grant);
  }

  async waitForSweep(persons: number, timeoutMs: number): Promise<void> {
    await this.waitForStatus(
      "a sweep",
      ({ organizations }) => organizations[0]?.lastSweep?.persons === persons,
      timeoutMs,
    );
  }

  /** Polls the status until `isReached`; rejects after `timeoutMs`. */
  async waitForStatus(
    description: string,
    isReached: (status: WorkerStatus) => boolean,
    timeoutMs: number,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const status = await this.request<WorkerStatus>("worker/status");
      if (isReached(status)) return;
      if (Date.now() > deadline)
        throw new Error(
          `Timed out after ${timeoutMs} ms waiting for ${description}. ${JSON.stringify(status)}`,
        );
      await sleep(STATUS_POLL_MS);
    }
  }

  /** Returns the raw streams, after which `request` no longer works. */
  detachStreams(): { readonly input: Writable; readonly output: Readable } {
    this.child.stdout.removeAllListeners("data");
    return { input: this.child.stdin, output: this.child.stdout };
  }

  async stop(): Promise<void> {
    await endChild(this.child);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export function launchArguments(folder: string): string[] {
  return [
    "--settings",
    join(folder, "Presence.ini"),
    "--secret-store",
    "memory",
    "--log-dir",
    join(folder, "log"),
  ];
}

/** Ends a child by closing its stdin, and kills it after two seconds. */
export async function endChild(
  child: ChildProcessByStdio<Writable, Readable, null>,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.stdout.resume();
  child.stdin.on("error", () => undefined).end();
  const force = setTimeout(() => child.kill("SIGKILL"), 2_000);
  await exit;
  clearTimeout(force);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
