import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

import type { ReferenceHostOptions } from "../../simulator/reference-host.js";

/** A process and its environment; nothing of this process's environment is added. */
export interface ProgramLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** For a command line of cmd.exe, which has rules of its own for quotes. */
  readonly windowsVerbatimArguments?: boolean;
}

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

const REPLY_TIMEOUT_MS = 30_000;

/** The files of `build/` that the host program consists of, beside the client. */
export const HOST_PROGRAM_FILES = [
  "test/support/release-host-program.js",
  "simulator/reference-host.js",
  "simulator/transcript.js",
];
/** The client in `build/`, in place of which the program can use that of a release. */
export const HOST_PROGRAM_CLIENT = "src/client/client.js";

/** The reference host as a process of its own (release-host-program.ts). */
export class ReleaseHost {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #ended: Promise<void>;
  #nextId = 0;
  #stderr = "";

  private constructor(launch: ProgramLaunch) {
    this.#process = spawnProgram(launch);
    this.#process.stderr.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      const reply = JSON.parse(line) as Reply;
      this.#waiting.get(reply.id)?.(reply);
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once("close", () => {
        const error = `The host has exited (${String(this.#process.exitCode)}).`;
        for (const [id, settle] of this.#waiting) settle({ id, error });
        resolve();
      });
    });
  }

  /** `launch` starts the host program; its options become the last argument. */
  static async start(launch: ProgramLaunch, options: ReferenceHostOptions): Promise<ReleaseHost> {
    const host = new ReleaseHost({ ...launch, args: [...launch.args, JSON.stringify(options)] });
    await host.#reply(host.#nextId++);
    return host;
  }

  request(method: string, params?: object): Promise<unknown> {
    return this.#execute("request", method, params);
  }

  /** Kills the worker, and resolves once the host has launched another. */
  async killWorker(): Promise<{ readonly attempt: number; readonly delaySeconds: number }> {
    return (await this.#execute("kill")) as { attempt: number; delaySeconds: number };
  }

  /** Stops worker and host. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), REPLY_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #execute(operation: string, ...parameters: unknown[]): Promise<unknown> {
    const id = this.#nextId++;
    const reply = this.#reply(id);
    this.#process.stdin.write(`${JSON.stringify({ id, operation, parameters })}\n`);
    return reply;
  }

  async #reply(id: number): Promise<unknown> {
    const reply = await new Promise<Reply>((resolve) => {
      const timer = setTimeout(
        () => resolve({ id, error: `The host did not reply within ${REPLY_TIMEOUT_MS} ms.` }),
        REPLY_TIMEOUT_MS,
      );
      this.#waiting.set(id, (each) => {
        clearTimeout(timer);
        resolve(each);
      });
    });
    this.#waiting.delete(id);
    if (reply.error !== undefined) throw new Error(`${reply.error}\n${this.#stderr}`);
    return reply.value;
  }
}

/** Runs a program to its end, with `input` on its stdin. */
export function runProgram(launch: ProgramLaunch, input = ""): Promise<ProgramResult> {
  const child = spawnProgram(launch);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function spawnProgram(launch: ProgramLaunch): ChildProcessWithoutNullStreams {
  const { command, args, env, windowsVerbatimArguments = false } = launch;
  const child = spawn(command, args, { env, windowsVerbatimArguments, windowsHide: true });
  child.stdin.on("error", () => undefined);
  return child;
}
