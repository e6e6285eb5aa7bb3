import { asFault, Fault } from "../faults/fault.js";
import { failed, type Check, type NamedFinding } from "./doctor-finding.js";

/** Which checks run now, by name in the order of the list, and how many have ended. */
export interface CheckProgress {
  readonly running: readonly string[];
  readonly done: number;
  readonly total: number;
}

/** What is to happen while checks run. */
export interface CheckListener {
  /** A check has started or ended. */
  readonly onProgress?: (progress: CheckProgress) => void;
  /** Gets the findings of one check after another, in the order of the list. */
  readonly onFindings?: (findings: readonly NamedFinding[]) => void;
}

/**
 * Runs checks side by side, each once those have ended that its `after` names. Returns the findings
 * in the order of the list. Fault `cancelled` as soon as the signal fires: what still runs is left
 * to end by itself.
 */
export async function runSideBySide(
  checks: readonly Check[],
  signal: AbortSignal,
  { onProgress, onFindings }: CheckListener = {},
): Promise<NamedFinding[]> {
  const results: (readonly NamedFinding[] | null)[] = checks.map(() => null);
  const running = new Set<number>();
  let reported = 0;
  let hasEnded = false;
  let isDue = false;
  const reportProgress = (): void => {
    isDue = false;
    if (hasEnded) return;
    const indexes = [...running].sort((a, b) => a - b);
    onProgress?.({
      running: indexes.map((index) => checks[index]?.name ?? ""),
      done: results.filter((result) => result !== null).length,
      total: checks.length,
    });
  };
  /** Many checks start or end in one turn. */
  const scheduleProgress = (): void => {
    if (!isDue) setImmediate(reportProgress);
    isDue = true;
  };
  const runOne = async (check: Check, index: number, needed: Promise<NamedFinding[][]>) => {
    const earlier = (await needed).flat();
    throwIfAborted(signal);
    running.add(index);
    scheduleProgress();
    const found = await resultOf(check, earlier);
    throwIfAborted(signal);
    running.delete(index);
    results[index] = found;
    for (const next of results.slice(reported)) {
      if (next === null) break;
      reported += 1;
      onFindings?.(next);
    }
    scheduleProgress();
    return found;
  };
  const pending: Promise<NamedFinding[]>[] = [];
  for (const [index, check] of checks.entries()) {
    const needed = pending.filter((_, i) => check.after?.includes(checks[i]?.name ?? ""));
    pending.push(runOne(check, index, Promise.all(needed)));
  }
  try {
    return (await untilAborted(Promise.all(pending), signal)).flat();
  } finally {
    hasEnded = true;
  }
}

async function resultOf(
  { name, run }: Check,
  earlier: readonly NamedFinding[],
): Promise<NamedFinding[]> {
  const result = await Promise.resolve(earlier)
    .then(run)
    .catch((error: unknown) => failed(asFault(error)));
  return [result].flat().map((finding) => ({ name, ...finding }));
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(cancelled());
  });
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

function cancelled(): Fault {
  return new Fault("cancelled", "Cancelled. The remaining checks were not run.");
}
