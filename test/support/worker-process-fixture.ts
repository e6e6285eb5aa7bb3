import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";

import { RpcConnection } from "../../src/client/connection.js";
import type { Status } from "./worker-harness.js";

const WORKER = "dist/worker.cjs";

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The status as tests of files and paths see it. */
export interface FullStatus extends Status {
  readonly settings: {
    readonly path: string;
    readonly values: Readonly<Record<string, unknown>>;
  };
}

/** The built worker with exactly the given arguments; `WorkerHarness` adds its own. */
export class WorkerProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exited: Promise<Exit>;
  readonly #rpc: RpcConnection;
  #stderr = "";

  /** `env` is added to the environment of this process; undefined removes a variable. */
  constructor(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
    this.child = spawn(process.execPath, [WORKER, ...args], {
      stdio: "pipe",
      env: { ...process.env, ...env },
      windowsHide: true,
    });
    this.child.stderr.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#rpc = new RpcConnection(this.child.stdout, this.child.stdin);
    this.exited = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        const reason = new Error(`The worker has exited (${signal ?? String(code)}).`);
        void this.#rpc.close(reason).then(() => resolve({ code, signal }));
      });
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  request(method: string, params?: object): Promise<unknown> {
    return this.#rpc.request(method, params);
  }

  async status(): Promise<FullStatus> {
    return (await this.request("worker/status")) as FullStatus;
  }

  /** Polls the status until `probe` accepts it. The error contains the last status and the log. */
  async waitForStatus(
    description: string,
    probe: (status: FullStatus) => boolean,
    timeoutMs = 8_000,
  ): Promise<FullStatus> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const status = await this.status();
      if (probe(status)) return status;
      if (Date.now() > deadline) {
        const last = JSON.stringify(status, null, 1);
        throw new Error(`Timed out waiting for ${description}. ${last}\n${this.#stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Ends the worker as a host does that closes its pipe. */
  async end(): Promise<Exit> {
    this.child.stdin.end();
    return this.exited;
  }
}
