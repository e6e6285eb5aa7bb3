import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Demo } from "./demo.js";
import { DEMO_USAGE, readDemoOptions, type DemoOptions } from "./demo-options.js";
import { DemoEnvironment } from "./demo-stage.js";
import { viewFor } from "./demo-view.js";

/** Somebody ended the demo. */
class DemoStopped extends Error {}

const EXIT_INTERRUPTED = 130;
const EXIT_USAGE = 2;
const SIGNAL_GRACE_MS = 300;

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
  // Asked twice, somebody is in a hurry: the exit listeners still clean up.
  if (stopController.signal.aborted) process.exit(EXIT_INTERRUPTED);
  stopController.abort(new DemoStopped());
}

function parse(): DemoOptions | null {
  try {
    const options = readDemoOptions(process.argv.slice(2));
    if (!options) print(DEMO_USAGE);
    return options;
  } catch (error) {
    process.stderr.write(
      `${error instanceof Error ? error.message : String(error)}\n${DEMO_USAGE}\n`,
    );
    process.exitCode = EXIT_USAGE;
    return null;
  }
}

function summary(demo: Demo, environment: DemoEnvironment): string {
  const { persons, watched, changes, requests } = demo.outcome;
  const { issued, found } = environment.searchForSecrets([...printed, ...demo.steps].join("\n"));
  if (found > 0)
    throw new Error(
      `${found} of ${issued} secrets stand in what the worker wrote: that must never be.`,
    );
  return `
Shown: ${persons} people known, ${watched} of them watched, ${changes} changes of state, ${requests} requests to the simulated Webex.
Secrets: none of the ${issued} tokens and secrets that were issued stands in the worker's answers, logs or files.

Try next:
  npm run demo -- --users 2000 --speed 60   a larger organization, a faster day
  npm run demo -- --once                    ends by itself
  npm run demo -- --help                    all options
  README.md                                 how to run the worker against your own Webex organization`;
}

async function runDemo(options: DemoOptions): Promise<void> {
  const environment = new DemoEnvironment(manifestPath, options);
  const view = viewFor(process.stdout, process.stdin, stop);
  const crash = (error: unknown): void => {
    view.close();
    fail(error);
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  const demo = new Demo(options, environment, view, stopController.signal);
  const worker = { lastStderrLine: "", hasEnded: false };
  environment.host.on("stderrLine", (line) => void (worker.lastStderrLine = line));
  environment.host.on("protocolError", (error) => stopController.abort(error));
  environment.host.on("exit", ({ code, signal }) => {
    worker.hasEnded = true;
    // Ctrl+C reaches the worker as well as us, perhaps earlier, and its end is then no failure.
    const reportExit = (): void =>
      stopController.abort(
        new Error(`The worker has ended (${signal ?? String(code)}). ${worker.lastStderrLine}`),
      );
    setTimeout(reportExit, SIGNAL_GRACE_MS);
  });
  let failure: unknown = null;
  try {
    await demo.run();
  } catch (error) {
    if (worker.hasEnded && !stopController.signal.aborted)
      await once(stopController.signal, "abort");
    const reason: unknown = stopController.signal.aborted ? stopController.signal.reason : error;
    if (!(reason instanceof DemoStopped)) failure = reason;
    else if (options.once) process.exitCode = EXIT_INTERRUPTED;
  }
  view.close();
  try {
    if (view.isLive) print(demo.steps.join("\n"));
    if (failure === null) print(summary(demo, environment));
  } catch (error) {
    failure = error;
  }
  if (failure !== null) fail(failure);
  await environment.dispose();
}

const options = parse();
if (options) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"] as const) {
    // Windows and POSIX know different ones; listening to an unknown one throws.
    if (process.platform === "win32" || signal !== "SIGBREAK") process.on(signal, stop);
  }
  // Who reads along may stop reading, as `head` does.
  process.stdout.on("error", () => stopController.abort(new DemoStopped()));
  try {
    await runDemo(options);
  } catch (error) {
    fail(error);
  }
  // A pipe may still have lines to take.
  process.stdout.write("", () => process.exit());
}
