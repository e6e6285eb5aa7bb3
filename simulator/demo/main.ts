import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { commandOf } from "../../src/cli/terminal/keys.js";
import { createPresenceView } from "../../src/cli/terminal/presence-view.js";
import { wrap } from "../../src/cli/terminal/text.js";
import { Demo, type DemoOptions } from "./demo.js";
import { invocation } from "../invocation.js";
import { DemoEnvironment } from "./environment.js";

const COMMAND = invocation("demo");
const USAGE = `Usage: ${COMMAND} [options]
  --once        exit after a few state changes
  --users <n>   people in the simulated organization (60; 2 to 20000)
  --watch <n>   people to subscribe to (as many as fit the screen)
  --seed <n>    seed for generating people (1)
  --speed <n>   speed of simulated time, as a multiple of real time (30; 1 to 3600)
  --help        show this help`;

const EXIT_INTERRUPTED = 130;
const EXIT_USAGE = 2;
const SIGNAL_GRACE_MS = 300;
/** Steps are numbered: "1. ". */
const STEP_INDENT = 3;
/** For terminals that report no width. */
const DEFAULT_WIDTH = 80;

/** The user stopped the demo. */
class DemoStopped extends Error {}

const manifestPath = fileURLToPath(new URL("../plugin.manifest.json", import.meta.url));
const printed: string[] = [];
const stopController = new AbortController();

function print(text: string): void {
  printed.push(text);
  process.stdout.write(`${text}\n`);
}

function fail(error: unknown): void {
  process.stderr.write(
    `The demo failed: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = 1;
}

function stop(): void {
  // A second request exits immediately; the exit listeners still clean up.
  if (stopController.signal.aborted) process.exit(EXIT_INTERRUPTED);
  stopController.abort(new DemoStopped());
}

/** The options, or null if the usage was printed instead. */
function parseOptions(args: readonly string[]): DemoOptions | null {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean", default: false } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: flag,
        users: { ...text, default: "60" },
        watch: text,
        seed: { ...text, default: "1" },
        speed: { ...text, default: "30" },
        help: { ...flag, short: "h" },
      },
    });
    if (values.help) {
      print(USAGE);
      return null;
    }
    return {
      once: values.once,
      users: wholeNumber("users", values.users, 2, 20_000),
      watch: values.watch === undefined ? null : wholeNumber("watch", values.watch, 1, 10_000),
      seed: wholeNumber("seed", values.seed, 0, 2 ** 31),
      speed: wholeNumber("speed", values.speed, 1, 3600),
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    process.exitCode = EXIT_USAGE;
    return null;
  }
}

function wholeNumber(name: string, text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= minimum && value <= maximum) return value;
  throw new RangeError(
    `--${name} must be a whole number from ${minimum} to ${maximum}, not "${text}".`,
  );
}

/** `width` is infinite unless the summary goes to a terminal. */
function summary(demo: Demo, environment: DemoEnvironment, width: number): string {
  const { issued, found } = environment.searchForSecrets([...printed, ...demo.steps].join("\n"));
  if (found > 0) {
    throw new Error(`${found} of ${issued} secrets appear in the worker's output: a defect.`);
  }
  const sentences = [
    `Summary: ${demo.summary}.`,
    `Secrets: none of the ${issued} tokens and secrets issued appears in the worker's responses, logs or files.`,
  ];
  const lines = sentences.flatMap((sentence) => wrap(sentence, width, 2));
  return ["", ...lines, "", "Try next:", ...nextSteps(width)].join("\n");
}

/** Commands in one column and effects in the other, or below each other if both do not fit. */
function nextSteps(width: number): string[] {
  const steps = [
    [`${COMMAND} --users 2000 --speed 60`, "a larger organization and a faster day"],
    [`${COMMAND} --once`, "exit after a few state changes"],
    [`${COMMAND} --help`, "all options"],
    ["README.md", "how to connect your own Webex organization"],
  ] as const;
  const commandWidth = Math.max(...steps.map(([command]) => command.length));
  const inColumns = steps.map(
    ([command, effect]) => `  ${command.padEnd(commandWidth)}   ${effect}`,
  );
  if (inColumns.every((line) => line.length <= width)) return inColumns;
  return steps.flatMap(([command, effect]) => [
    `  ${command}`,
    ...wrap(`      ${effect}`, width, 6),
  ]);
}

async function runDemo(options: DemoOptions): Promise<void> {
  const environment = new DemoEnvironment(manifestPath, options);
  const view = createPresenceView(process.stdout, process.stdin, (key) => {
    if (commandOf(key) === "quit") stop();
  });
  process.on("uncaughtException", (error) => {
    view.close();
    fail(error);
    process.exit(1);
  });
  const demo = new Demo(options, environment, view, stopController.signal);
  const worker = { lastStderrLine: "", hasExited: false };
  environment.host.on("stderrLine", (line) => void (worker.lastStderrLine = line));
  environment.host.on("protocolError", (error) => stopController.abort(error));
  environment.host.on("exit", ({ code, signal }) => {
    worker.hasExited = true;
    const reason = signal ?? `code ${String(code)}`;
    // Ctrl+C also reaches the worker, perhaps before this process; its exit is then no failure.
    setTimeout(() => {
      stopController.abort(new Error(`The worker exited (${reason}). ${worker.lastStderrLine}`));
    }, SIGNAL_GRACE_MS);
  });
  let failure: unknown = null;
  try {
    await demo.run();
  } catch (error) {
    const { signal } = stopController;
    if (worker.hasExited && !signal.aborted) await once(signal, "abort");
    const reason: unknown = signal.aborted ? signal.reason : error;
    if (!(reason instanceof DemoStopped)) failure = reason;
    else if (options.once) process.exitCode = EXIT_INTERRUPTED;
  }
  view.close();
  try {
    const width = process.stdout.isTTY ? process.stdout.columns || DEFAULT_WIDTH : Infinity;
    if (view.rows > 0)
      print(demo.steps.flatMap((step) => wrap(step, width, STEP_INDENT)).join("\n"));
    if (failure === null) print(summary(demo, environment, width));
  } catch (error) {
    failure = error;
  }
  if (failure !== null) fail(failure);
  await environment.dispose();
}

const options = parseOptions(process.argv.slice(2));
if (options) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"] as const) {
    // SIGBREAK exists only on Windows; elsewhere, listening to it throws.
    if (process.platform === "win32" || signal !== "SIGBREAK") process.on(signal, stop);
  }
  // A reader such as `head` may close the pipe.
  process.stdout.on("error", () => stopController.abort(new DemoStopped()));
  try {
    await runDemo(options);
  } catch (error) {
    fail(error);
  }
  // Exits once a pipe has taken all output.
  process.stdout.write("", () => process.exit());
}
