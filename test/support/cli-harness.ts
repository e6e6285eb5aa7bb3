import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { WebexSimulator, type SimulatorOptions } from "../../simulator/webex-simulator.js";
import { IS_WINDOWS } from "./windows-fixture.js";

const CLI = resolve("dist/cli.cjs");

/** The members of the `--json` objects of all commands. */
export interface JsonOutput {
  readonly ok: boolean;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null };
  readonly authorizations: readonly Authorization[];
  readonly authorization: Authorization;
  readonly checks: readonly Finding[];
  readonly conclusion?: {
    readonly works: boolean | null;
    readonly code: string | null;
    readonly text: string;
    readonly command: string | null;
  };
  readonly problems?: readonly { readonly code: string }[];
  readonly records: readonly {
    readonly uri: string;
    readonly state: string;
    readonly observedAt: string | null;
  }[];
}

interface Authorization {
  readonly orgId: string;
  readonly orgName: string;
  readonly state: string;
}

export interface Finding {
  readonly name: string;
  readonly state: string;
  readonly code: string | null;
  readonly message: string;
  readonly hint: string | null;
  readonly orgId: string | null;
  readonly orgName: string | null;
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The exit code of a command that ends with 0 when it is stopped; Windows gives it no chance. */
export const STOPPED = IS_WINDOWS ? null : 0;

/** A process of the built command line. */
export class CliRun {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<CliResult>;
  #stdout = "";
  #stderr = "";

  constructor(
    command: readonly [string, ...string[]],
    options: { env: NodeJS.ProcessEnv; input: string | null; output: string[] },
  ) {
    const [program, ...args] = command;
    const child = spawn(program, args, { env: options.env, stdio: "pipe" });
    child.stdout.on("data", (chunk: Buffer) => (this.#stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    if (options.input !== null) child.stdin.end(options.input);
    this.#process = child;
    this.#ended = new Promise((resolve) => {
      child.once("close", (code) => {
        options.output.push(this.#stdout, this.#stderr);
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  ended(): Promise<CliResult> {
    return this.#ended;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Types keys; `input` must be null. */
  type(keys: string): void {
    this.#process.stdin.write(keys);
  }

  /** Ends the command as a user does; see `STOPPED`. */
  stop(signal: NodeJS.Signals): Promise<CliResult> {
    this.#process.kill(signal);
    return this.#ended;
  }

  /** Waits for the first match in the output of both streams. */
  async waitForOutput(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(`${this.#stdout}\n${this.#stderr}`);
      if (match !== null) return match;
      if (Date.now() > deadline || this.#process.exitCode !== null) {
        throw new Error(`${String(pattern)} was not printed:\n${this.#stdout}\n${this.#stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Runs the built command line with a simulated Webex, and keeps all output. */
export class CliHarness {
  readonly output: string[] = [];
  readonly #runs: CliRun[] = [];

  private constructor(
    readonly webex: WebexSimulator,
    readonly folder: string,
    readonly env: NodeJS.ProcessEnv,
  ) {}

  static async start(
    env: NodeJS.ProcessEnv,
    options: Partial<SimulatorOptions> & {
      readonly tls?: { readonly key: string; readonly cert: string };
    } = {},
  ): Promise<CliHarness> {
    const { tls, ...webexOptions } = options;
    const webex = new WebexSimulator({
      organizations: [{ name: "Example Ltd", persons: 12, seed: 7 }],
      ...webexOptions,
    });
    await webex.start(tls === undefined ? {} : { tls });
    const folder = await mkdtemp(join(tmpdir(), "ucx-cli-"));
    const clean = Object.fromEntries(
      Object.entries(env).filter(
        ([name]) =>
          !/^((https?|all|no)_proxy|programdata|columns|lines|force_color|no_color)$/i.test(name),
      ),
    );
    const harness = new CliHarness(webex, folder, {
      ...clean,
      // The log folder is below it: on Linux and macOS, and on Windows.
      XDG_STATE_HOME: join(folder, "state"),
      PROGRAMDATA: join(folder, "state"),
    });
    await harness.writeSettings();
    return harness;
  }

  get settingsPath(): string {
    return join(this.folder, "Presence.ini");
  }

  async writeSettings(...lines: readonly string[]): Promise<void> {
    const all = [
      "WebexPresence.Enable=1",
      `WebexPresence.ApiUrl=${this.webex.apiUrl}`,
      "WebexPresence.PollIntervalSeconds=5",
      ...lines,
    ];
    await writeFile(this.settingsPath, `${all.join("\r\n")}\r\n`);
  }

  /** Launches a command with the harness's settings. `input: null` leaves stdin open. */
  launch(
    args: readonly string[],
    input: string | null = "",
    variables: NodeJS.ProcessEnv = {},
  ): CliRun {
    const command = [process.execPath, CLI, ...args, "--settings", this.settingsPath] as const;
    return this.#start(command, { ...this.env, ...variables }, input);
  }

  /**
   * Launches a command in a pseudoterminal with colors (`script` of util-linux). To close it, kill
   * the run; the command's exit status is then in `statusFile`, as a shell reports it.
   */
  launchInTerminal(
    args: readonly string[],
    {
      columns,
      rows,
      statusFile,
    }: { readonly columns: number; readonly rows: number; readonly statusFile?: string },
    variables: NodeJS.ProcessEnv = {},
  ): CliRun {
    // A shell may set COLUMNS itself, so what it launches sets the variables.
    const settings = Object.entries(variables).map(([name, value]) => `${name}=${value ?? ""}`);
    const launched = [process.execPath, CLI, ...args, "--settings", this.settingsPath];
    const words = ["env", ...settings, ...launched];
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const launch =
      statusFile === undefined
        ? `exec ${quoted}`
        : `trap '' HUP; ${quoted}; echo $? > ${statusFile}`;
    const command = `stty cols ${columns} rows ${rows}; ${launch}`;
    // With CI set, Node reports a terminal without colors.
    const { CI: _ci, ...env } = this.env;
    const inTerminal = ["script", "-qec", command, "/dev/null"] as const;
    return this.#start(inTerminal, { ...env, TERM: "xterm-256color", ...variables }, null);
  }

  run(args: readonly string[], input = ""): Promise<CliResult> {
    return this.launch(args, input).ended();
  }

  /** Runs a command with `--json`. Throws unless stdout is exactly one object. */
  async json(
    args: readonly string[],
    input = "",
  ): Promise<{ readonly code: number | null; readonly value: JsonOutput }> {
    const { code, stdout, stderr } = await this.run([...args, "--json"], input);
    try {
      return { code, value: JSON.parse(stdout) as JsonOutput };
    } catch (error) {
      throw new Error(`Not one JSON object:\n${stdout}\n${stderr}`, { cause: error });
    }
  }

  clientLines(): string {
    const { clientId, clientSecret } = this.webex.client;
    return `${clientId}\n${clientSecret}\n`;
  }

  /** Ends the commands that are still running, too. */
  async stop(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.stop("SIGTERM")));
    await this.webex.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #start(
    command: readonly [string, ...string[]],
    env: NodeJS.ProcessEnv,
    input: string | null,
  ): CliRun {
    const run = new CliRun(command, { env, input, output: this.output });
    this.#runs.push(run);
    return run;
  }
}
