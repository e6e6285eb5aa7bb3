import { join } from "node:path";

import { Fault } from "../../faults/fault.js";
import { toPrintable } from "../../faults/foreign-text.js";
import { productDirectory, readProductDocument } from "../../platform/node-process.js";
import type { CommandContext, ExitCode } from "../command.js";
import { makeTemporaryFolder, removeTemporaryFolder } from "../temporary-folder.js";
import type { CommandConsole } from "../terminal/console.js";
import { UsageError } from "../terminal/input.js";
import { wrap, type Style } from "../terminal/text.js";
import { notObserved, type Judgement, type Outcome } from "./judgement.js";
import { SCENARIOS, type ScenarioId, type ScenarioRecord } from "./record.js";
import { REQUIREMENTS, type Requirement } from "./requirements.js";
import { writeScenarioFiles } from "./scenario-files.js";
import { HostLaunchError, runScenario } from "./scenario-run.js";

type Judged = Requirement & Judgement;

const DEFAULT_JOBS = 4;
const MAX_JOBS = 16;
const ID_WIDTH = Math.max(...REQUIREMENTS.map(({ id }) => id.length));
const LABELS: Readonly<Record<Outcome, readonly [string, readonly Style[]]>> = {
  passed: ["ok  ", ["green"]],
  failed: ["FAIL", ["red", "bold"]],
  notObserved: ["–   ", ["grey"]],
};
const OBSERVABLE_HINT =
  "What a host shows is judged if it prints a line for each change, takes decisions as lines on stdin, and ends at the end of its stdin, as the example hosts do (docs/integration.md#check-your-host).";
const USAGE_HINT =
  "Example: ucx-webex-presence check-host -- node host.js --manifest {manifest} --settings {settings}";

/**
 * Launches a host several times, each time with a worker that behaves in another way, and judges
 * what the host does. 1 if it fails a requirement.
 */
export async function checkHost(
  { console, options, signal }: CommandContext,
  command: readonly string[],
): Promise<ExitCode> {
  const selected = selectRequirements(options.only ?? []);
  if (options.list === true) return listRequirements(console, selected);
  if (command.length === 0)
    throw new UsageError("The command that starts the host is missing.", USAGE_HINT);
  const jobs = parseJobs(options.jobs);
  const judged: Judged[] = [];
  const finished = new Map<ScenarioId, ScenarioRecord | null>();
  const startedAt = performance.now();
  const printReady = (): void => {
    // In the order of the report, as soon as all before are known.
    for (const requirement of selected.slice(judged.length)) {
      const record = finished.get(requirement.scenario);
      if (record === undefined) return;
      const judgement =
        record === null
          ? notObserved("The host does not launch the worker.")
          : requirement.judge(record);
      judged.push({ ...requirement, ...judgement });
      printJudgement(console, { ...requirement, ...judgement });
    }
  };
  const scenarios = SCENARIOS.filter((id) => selected.some(({ scenario }) => scenario === id));
  const showProgress = (): void => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.progress(`      ${finished.size} of ${scenarios.length} hosts done, ${seconds} s …`);
  };
  const progress = setInterval(showProgress, 1_000);
  try {
    await runAll({
      command,
      jobs,
      scenarios,
      signal,
      onRecord: (scenario, record) => {
        finished.set(scenario, record);
        printReady();
        showProgress();
      },
    });
  } catch (error) {
    if (error instanceof HostLaunchError)
      throw new UsageError(
        `The command ${JSON.stringify(command[0])} could not be started: ${error.message}.`,
        USAGE_HINT,
      );
    throw error;
  } finally {
    clearInterval(progress);
  }
  return report(console, judged, performance.now() - startedAt);
}

function selectRequirements(only: readonly string[]): readonly Requirement[] {
  const ids = only.flatMap((text) => text.split(","));
  const unknown = ids.find((id) => REQUIREMENTS.every((each) => each.id !== id));
  if (unknown !== undefined)
    throw new UsageError(
      `There is no requirement ${JSON.stringify(unknown)}.`,
      "Run check-host --list for the IDs.",
    );
  return REQUIREMENTS.filter(({ id }) => ids.length === 0 || ids.includes(id));
}

function parseJobs(text = String(DEFAULT_JOBS)): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= MAX_JOBS) return jobs;
  throw new UsageError(`--jobs is a number from 1 to ${MAX_JOBS}.`, "See --help.");
}

interface RunAllOptions {
  readonly command: readonly string[];
  readonly jobs: number;
  readonly scenarios: readonly ScenarioId[];
  readonly signal: AbortSignal;
  /** Called for each scenario; null if it was not run, because the host launches no worker. */
  readonly onRecord: (scenario: ScenarioId, record: ScenarioRecord | null) => void;
}

/** Runs the scenarios, `jobs` at a time, and removes all that they leave. */
async function runAll(options: RunAllOptions): Promise<void> {
  const { command, jobs, scenarios, signal, onRecord } = options;
  const manifest = (await readProductDocument("plugin.manifest.json")) as Record<string, unknown>;
  const workerPath = join(productDirectory, "dist", "lib", "scripted-worker.cjs");
  const root = await makeTemporaryFolder("ucx-check-host-");
  const abort = new AbortController();
  const cancel = (): void => abort.abort(cancelled());
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const waiting = [...scenarios];
  let launchesNothing = false;
  const runNext = async (): Promise<void> => {
    for (;;) {
      const scenario = waiting.shift();
      if (scenario === undefined) return;
      if (launchesNothing) {
        onRecord(scenario, null);
        continue;
      }
      const files = writeScenarioFiles({ root, scenario, manifest, workerPath });
      const record = await runScenario({ command, files, signal: abort.signal });
      // Not to wait for each of the others in vain.
      launchesNothing ||= scenario !== "relativeCommand" && record.first("launched") === null;
      onRecord(scenario, record);
    }
  };
  try {
    const runs = Array.from({ length: jobs }, runNext);
    const results = await Promise.allSettled(
      runs.map((run) =>
        run.catch((error: unknown) => {
          abort.abort(error);
          throw error;
        }),
      ),
    );
    const failure = results.find(({ status }) => status === "rejected");
    if (failure !== undefined) throw abort.signal.reason as Error;
  } finally {
    signal.removeEventListener("abort", cancel);
    await removeTemporaryFolder(root);
  }
}

function cancelled(): Fault {
  return new Fault("cancelled", "Cancelled. The host and the workers of the check were ended.");
}

/** One line, and for a failure what was expected, when, and what to change. */
function printJudgement(console: CommandConsole, judged: Judged): void {
  const { id, outcome, situation, expected, observed, remedy, docs } = judged;
  const { paint, width } = console;
  const [label, styles] = LABELS[outcome];
  const head = `${paint(label, ...styles)}  ${id.padEnd(ID_WIDTH)}  `;
  const explanation =
    outcome === "failed"
      ? [`When: ${situation}`, `Expected: ${expected}`, `→ ${remedy} (${docs})`]
      : [];
  if (!Number.isFinite(width)) {
    console.line(head + toPrintable([observed, ...explanation].join(" ")));
    return;
  }
  const margin = " ".repeat(label.length + ID_WIDTH + 4);
  const wrapText = (text: string, indent: number): string[] =>
    wrap(toPrintable(text), width - margin.length, indent);
  const [first = "", ...others] = wrapText(observed, 0);
  console.lines([
    head + (outcome === "notObserved" ? paint(first, "grey") : first),
    ...[...others, ...explanation.flatMap((text) => wrapText(text, 2))].map(
      (line) => margin + line,
    ),
  ]);
}

function report(console: CommandConsole, judged: readonly Judged[], tookMs: number): ExitCode {
  const count = (outcome: Outcome): number =>
    judged.filter((each) => each.outcome === outcome).length;
  const failures = count("failed");
  const unobserved = count("notObserved");
  const rest = unobserved === 0 ? "" : `, ${unobserved} not observed`;
  const summary =
    failures === 0
      ? console.paint(`The host passed ${count("passed")} requirements`, "green", "bold")
      : console.paint(
          `The host failed ${failures} of ${judged.length} requirements`,
          "red",
          "bold",
        );
  console.line();
  if (unobserved > 0) console.text(OBSERVABLE_HINT);
  console.line(`${summary}${rest}.`);
  return console.result({
    ok: failures === 0,
    passed: count("passed"),
    failed: failures,
    notObserved: unobserved,
    seconds: Math.round(tookMs / 100) / 10,
    requirements: judged.map(
      ({ id, scenario, outcome, situation, expected, observed, ...rest }) => ({
        id,
        scenario,
        outcome,
        situation,
        expected,
        observed,
        remedy: rest.remedy,
        docs: rest.docs,
      }),
    ),
  });
}

function listRequirements(console: CommandConsole, selected: readonly Requirement[]): ExitCode {
  for (const { id, situation, expected } of selected) {
    const margin = ID_WIDTH + 2;
    const lines = [situation, `→ ${expected}`].flatMap((text, index) =>
      wrap(text, console.width - margin, 2 * index),
    );
    const [first = "", ...others] = Number.isFinite(console.width) ? lines : [lines.join(" ")];
    console.lines([`${id.padEnd(ID_WIDTH)}  ${first}`]);
    console.lines(others.map((line) => " ".repeat(margin) + line));
  }
  return console.result({
    ok: true,
    requirements: selected.map(({ id, scenario, situation, expected, remedy, docs }) => ({
      id,
      scenario,
      situation,
      expected,
      remedy,
      docs,
    })),
  });
}
