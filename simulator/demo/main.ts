import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Demo } from "./demo.js";
import { DEMO_USAGE, readDemoOptions, type DemoOptions } from "./demo-options.js";
import { DemoStage } from "./demo-stage.js";
import { viewFor } from "./demo-view.js";

/** Somebody ended the demo. */
class Ended extends Error {}

const INTERRUPTED = 130;
const WRONG_USAGE = 2;
const SIGNAL_GRACE_MS = 300;

const manifestPath = fileURLToPath(new URL("../plugin.manifest.json", import.meta.url));
const shown: string[] = [];
const ending = new AbortController();

function say(text: string): void {
  shown.push(text);
  process.stdout.write(`${text}\n`);
}

function fail(error: unknown): void {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function end(): void {
  // Asked twice, somebody is in a hurry: the exit listeners still clean up.
  if (ending.signal.aborted) process.exit(INTERRUPTED);
  ending.abort(new Ended());
}

function parse(): DemoOptions | null {
  try {
    const options = readDemoOptions(process.argv.slice(2));
    if (!options) say(DEMO_USAGE);
    return options;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${DEMO_USAGE}\n`);
    process.exitCode = WRONG_USAGE;
    return null;
  }
}

function closing(demo: Demo, stage: DemoStage): string {
  const { persons, watched, changes, requests } = demo.outcome;
  const { issued, found } = stage.searchForSecrets([...shown, ...demo.story].join("\n"));
  if (found > 0) throw new Error(`${found} of ${issued} secrets stand in what the worker wrote: that must never be.`);
  return `
Shown: ${persons} people known, ${watched} of them watched, ${changes} changes of state, ${requests} requests to the simulated Webex.
Secrets: none of the ${issued} tokens and secrets that were issued stands in the worker's answers, logs or files.

Try next:
  npm run demo -- --users 2000 --speed 60   a larger organization, a faster day
  npm run demo -- --once                    ends by itself
  npm run demo -- --help                    all options
  README.md                                 how to run the worker against your own Webex organization`;
}

async function perform(options: DemoOptions): Promise<void> {
  const stage = new DemoStage(manifestPath, options);
  const view = viewFor(process.stdout, process.stdin, end);
  const crash = (error: unknown): void => {
    view.close();
    fail(error);
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  const demo = new Demo(options, stage, view, ending.signal);
  const worker = { lastWords: "", hasEnded: false };
  stage.host.on("stderrLine", (line) => void (worker.lastWords = line));
  stage.host.on("protocolError", (error) => ending.abort(error));
  stage.host.on("exit", ({ code, signal }) => {
    worker.hasEnded = true;
    // Ctrl+C reaches the worker as well as us, perhaps earlier, and its end is then no failure.
    const tellIt = (): void => ending.abort(new Error(`The worker has ended (${signal ?? String(code)}). ${worker.lastWords}`));
    setTimeout(tellIt, SIGNAL_GRACE_MS);
  });
  let failure: unknown = null;
  try {
    await demo.run();
  } catch (error) {
    if (worker.hasEnded && !ending.signal.aborted) await once(ending.signal, "abort");
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : error;
    if (!(reason instanceof Ended)) failure = reason;
    else if (options.once) process.exitCode = INTERRUPTED;
  }
  view.close();
  try {
    if (view.live) say(demo.story.join("\n"));
    if (failure === null) say(closing(demo, stage));
  } catch (error) {
    failure = error;
  }
  if (failure !== null) fail(failure);
  await stage.strike();
}

const options = parse();
if (options) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"] as const) {
    // Windows and POSIX know different ones; listening to an unknown one throws.
    if (process.platform === "win32" || signal !== "SIGBREAK") process.on(signal, end);
  }
  // Who reads along may stop reading, as `head` does.
  process.stdout.on("error", () => ending.abort(new Ended()));
  try {
    await perform(options);
  } catch (error) {
    fail(error);
  }
  // A pipe may still have lines to take.
  process.stdout.write("", () => process.exit());
}
