import { setTimeout as sleep } from "node:timers/promises";

import { toPrintable } from "../faults/foreign-text.js";
import type { CommandContext, ExitCode } from "./command.js";
import {
  describeOtherSettings,
  locateStatus,
  SEVERITY_STYLES,
  statusLines,
  statusResult,
} from "./status.js";
import { canRedraw } from "./terminal/capabilities.js";
import { commandOf, onKeys, type Command } from "./terminal/keys.js";
import { openScreen } from "./terminal/screen.js";
import { ScrolledLines } from "./terminal/scrolled-lines.js";
import {
  formatTime,
  paintFor,
  withLocalTimes,
  wrap,
  type Style,
  type TextFormat,
} from "./terminal/text.js";
import {
  describeNotRunning,
  readStatusFile,
  type StatusFileResult,
  type WorkerFiles,
} from "./worker-files.js";

/** What `watchStatus` prints a line for when it begins, and perhaps when it ends. */
export interface StatusFact {
  readonly label: string;
  readonly style: Style;
  readonly text: string;
  /** Follows the label when it ends; null = its end is no news. */
  readonly name: string | null;
}

const INTERVAL_MS = 1_000;

/**
 * Shows a worker's status until the command is stopped, also while no worker is running: redrawn
 * every second on a terminal, as a line per change elsewhere, and with `--json` as an object per
 * change of the status file.
 */
export async function watchStatus(context: CommandContext): Promise<ExitCode> {
  const files = locateStatus(context.options.logDir);
  if (context.console.json) await printObjects(context, files);
  else if (canRedraw(process.stdout)) await showOnScreen(context, files);
  else await printChanges(context, files);
  return 0;
}

async function showOnScreen({ options, signal }: CommandContext, files: WorkerFiles) {
  const quit = new AbortController();
  const stopSignal = AbortSignal.any([signal, quit.signal]);
  const hasKeys = process.stdin.isTTY;
  const lines = new ScrolledLines();
  let latest: StatusFileResult | null = null;
  const draw = (): void => {
    if (latest === null) return;
    const reading = latest;
    const { size } = screen;
    const textFor = (hasColors: boolean): string[] =>
      screenLines(reading, files, options.settings, {
        paint: paintFor(hasColors),
        width: size.columns,
      });
    screen.draw(lines.render(textFor, size, hasKeys ? "q quit" : "Ctrl+C quit"));
  };
  const handleCommand = (command: Command | null): void => {
    if (command === "quit") quit.abort();
    else if (command !== null) lines.handleCommand(command);
    draw();
  };
  const screen = openScreen(process.stdout, draw);
  const stopKeys = hasKeys
    ? onKeys(process.stdin, (key) => handleCommand(commandOf(key)))
    : () => undefined;
  try {
    await repeat(stopSignal, async () => {
      latest = await readStatusFile(files.status);
      draw();
    });
  } finally {
    stopKeys();
    screen.close();
  }
}

function screenLines(
  reading: StatusFileResult,
  files: WorkerFiles,
  settings: string | undefined,
  format: TextFormat,
): string[] {
  const { paint, width } = format;
  if (!reading.running) {
    const { message, hint } = describeNotRunning(files, reading);
    return [
      paint("Webex presence worker", "bold"),
      ...wrap(toPrintable(message), width, 0).map((line) => paint(line, "red")),
      ...wrap(`→ ${toPrintable(hint)}`, width, 2),
    ];
  }
  const { status, ageMs } = reading;
  const note = describeOtherSettings(settings, status);
  return [
    ...statusLines({ status, log: files.log, ageMs, now: Date.now(), format }),
    ...(note === null ? [] : ["", ...wrap(toPrintable(note), width, 0)]),
  ];
}

async function printObjects({ console, signal }: CommandContext, files: WorkerFiles) {
  let lastKey = "";
  await repeat(signal, async () => {
    const { ageSeconds, ...result } = statusResult(files, await readStatusFile(files.status));
    // The reason may name the age of the file, which is no change.
    const key = JSON.stringify("why" in result ? { ...result, why: "" } : result);
    if (key !== lastKey) console.jsonLine({ ...result, ageSeconds });
    lastKey = key;
  });
}

async function printChanges({ console, options, signal }: CommandContext, files: WorkerFiles) {
  let last: ReadonlyMap<string, StatusFact> = new Map();
  await repeat(signal, async () => {
    const now = Date.now();
    const reading = await readStatusFile(files.status);
    const facts = statusFacts(reading, files, options.settings);
    for (const { label, style, text } of factChanges(last, facts, reading.running)) {
      const sentence = `${formatTime(now)}  ${label} ${withLocalTimes(text, now)}`;
      const [first = "", ...rest] = wrap(toPrintable(sentence), console.width, 10);
      console.lines([first.replace(label, console.paint(label, style, "bold")), ...rest]);
    }
    last = facts;
  });
}

/** What is true of a worker, except for statistics. Facts of the same key are the same one. */
export function statusFacts(
  reading: StatusFileResult,
  files: WorkerFiles,
  settings: string | undefined,
): ReadonlyMap<string, StatusFact> {
  if (!reading.running) {
    const { message, hint } = describeNotRunning(files, reading);
    const fact = {
      label: "Error:",
      style: "red",
      text: `${message} → ${hint}`,
      name: null,
    } as const;
    return new Map([[`not running: ${reading.reason.kind}`, fact]]);
  }
  const { phase, pid, version, problems, organizations } = reading.status;
  const facts = new Map<string, StatusFact>();
  const text = `${phase} (process ${pid}, version ${version})`;
  const style = phase === "polling" ? "green" : phase === "blocked" ? "red" : "yellow";
  facts.set(`phase: ${phase} ${pid}`, { label: "Phase:", style, text, name: null });
  const note = describeOtherSettings(settings, reading.status);
  if (note !== null)
    facts.set("settings", { label: "Note:", style: "grey", text: note, name: null });
  for (const { severity, code, message, hint, orgId } of problems) {
    const organization = organizations.find((each) => each.orgId === orgId);
    const name = organization === undefined ? code : `${code} of ${organization.orgName}`;
    facts.set(`problem: ${severity} ${code} ${orgId ?? ""}`, {
      label: severity,
      style: SEVERITY_STYLES[severity],
      text: `${name}: ${message} → ${hint}`,
      name,
    });
  }
  return facts;
}

/** What has ended, which a worker that does not run cannot tell, and then what has begun. */
export function factChanges(
  before: ReadonlyMap<string, StatusFact>,
  facts: ReadonlyMap<string, StatusFact>,
  isRunning: boolean,
): readonly Pick<StatusFact, "label" | "style" | "text">[] {
  const ended = [...before].flatMap(([key, { label, name }]) =>
    !isRunning || name === null || facts.has(key)
      ? []
      : [{ label: "ended:", style: "green" as const, text: `${label} ${name}` }],
  );
  const begun = [...facts].filter(([key]) => !before.has(key)).map(([, fact]) => fact);
  return [...ended, ...begun];
}

/** Runs a task at once and then every second until the signal fires. */
async function repeat(signal: AbortSignal, task: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await task();
    await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}
