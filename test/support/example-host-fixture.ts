import { execFile, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** Debian's Python, which has Debian's packages; another python3 may come first on the PATH. */
export const PYTHON = "/usr/bin/python3";

/** How to start the host in Python. */
export const PYTHON_HOST = [PYTHON, "examples/python/host.py"];

/** Where Debian has Newtonsoft.Json. */
export const NEWTONSOFT_JSON = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll";

/** Where Debian has Mono's class for signals. */
export const MONO_POSIX = "/usr/lib/mono/4.5/Mono.Posix.dll";

const DEADLINE_MS = 20_000;

/** A line of a host's stdout and when it came, in milliseconds of `performance.now()`. */
export interface ShownLine {
  readonly text: string;
  readonly at: number;
}

/** A process of one of `examples/`: what it shows, and what it is asked. */
export class ExampleHost {
  readonly lines: ShownLine[] = [];
  stderr = "";
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<number | null>;
  #onLine: (() => void) | null = null;

  constructor([command = "", ...args]: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#process = spawn(command, args, { env });
    this.#process.stdin.on("error", () => undefined);
    this.#process.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    createInterface({ input: this.#process.stdout }).on("line", (text) => {
      this.lines.push({ text, at: performance.now() });
      this.#onLine?.();
    });
    this.#closed = new Promise((resolve) => this.#process.once("close", resolve));
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** Asks for the presence of an address now. */
  ask(address: string): void {
    this.#process.stdin.write(`${address}\n`);
  }

  endInput(): void {
    this.#process.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Resolves with the exit code, or null after a signal. Rejects after 20 s. */
  exited(): Promise<number | null> {
    return this.#inTime(this.#closed, "the end of the host");
  }

  /** Resolves with the first line from index `since` on that is `expected`. Rejects after 20 s. */
  shows(expected: string, since = 0): Promise<ShownLine> {
    const find = () => this.lines.slice(since).find(({ text }) => text === expected);
    const found = new Promise<ShownLine>((resolve) => {
      this.#onLine = () => {
        const line = find();
        if (line !== undefined) resolve(line);
      };
      this.#onLine();
    });
    return this.#inTime(found, JSON.stringify(expected));
  }

  async #inTime<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const shown = this.lines.map(({ text }) => text).join("\n");
        reject(new Error(`Gave up waiting for ${what}.\nShown:\n${shown}\n${this.stderr}`));
      }, DEADLINE_MS);
    });
    try {
      return await Promise.race([promise, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Compiles examples/csharp/Host.cs for Mono. Returns the path of the program. */
export function compileCSharpHost(): Promise<string> {
  const sources = ["examples/csharp/Host.cs", "examples/csharp/Worker.cs"];
  return compileCSharp("Host.exe", [`-r:${NEWTONSOFT_JSON}`, ...sources]);
}

/**
 * Compiles with Mono's compiler into a new folder, which is removed with this process. Returns the
 * path of the program.
 */
export async function compileCSharp(name: string, args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "ucx-csharp-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, name);
  const options = ["-langversion:7", "-warnaserror", `-out:${program}`];
  await promisify(execFile)("mcs", [...options, ...args]);
  return program;
}
