// npm run soak: runs the built worker for some minutes under faults that a seed decides, compares
// everything that it says with the truth, and writes build/soak/report.md. The exit code is 1 if a
// check fails, and 2 for wrong options.
import { checksOf } from "./soak-checks.js";
import { readSoakOptions, USAGE, type SoakOptions } from "./soak-options.js";
import { checkLines, REPORT_PATH, writeReport } from "./soak-report.js";
import { Soak, type SoakResult } from "./soak.js";

interface Outcome {
  readonly summary: string;
  readonly exitCode: number;
}

const PROGRESS_MS = 5_000;
/** Of a run that has nothing to judge. */
const FAILURE: Outcome = { summary: "0 passed, 1 failed", exitCode: 1 };

const options = readOptions();
// A run that was interrupted waits for what nobody needs any more.
process.exit(options === null ? 2 : await runSoak(options));

function readOptions(): SoakOptions | null {
  try {
    return readSoakOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return null;
  }
}

async function runSoak({ minutes, seed }: SoakOptions): Promise<number> {
  console.log(`Soak of ${minutes} minutes, seed ${seed}`);
  const interruption = new Promise<never>((_resolve, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => reject(new Error(`The soak was ended by ${signal}.`)));
  });
  const soak = new Soak({ minutes, seed });
  const timer = setInterval(() => void printProgress(soak, minutes), PROGRESS_MS);
  let outcome = FAILURE;
  try {
    outcome = judge(await Promise.race([soak.run(), interruption]));
  } catch (error) {
    console.error(error);
  }
  clearInterval(timer);
  try {
    await soak.stop();
  } catch (error) {
    console.error(error);
    outcome = FAILURE;
  }
  console.log(outcome.summary);
  return outcome.exitCode;
}

/** Writes the report, and returns the last line. */
function judge(result: SoakResult): Outcome {
  if (process.stdout.isTTY) process.stdout.write("\n");
  if (result.secretStore === "memory") {
    const message = "LEFT OUT: without gnome-keyring and D-Bus, nothing is said of lost grants.";
    if (process.env.CI === "true") throw new Error(message);
    console.error(message);
  }
  const checks = checksOf(result);
  const summary = writeReport(result, checks);
  console.log(`${checkLines(checks).join("\n")}\nReport: ${REPORT_PATH}`);
  const hasPassed = checks.every(({ failures }) => failures.length === 0);
  return { summary, exitCode: hasPassed ? 0 : 1 };
}

async function printProgress(soak: Soak, minutes: number): Promise<void> {
  if (!soak.isStarted) {
    printLine("starting");
    return;
  }
  const { counts, falseCounts } = await soak.readJudgment().catch(() => soak.judgment);
  const { faults, lights, observations, startedAt } = soak;
  const elapsed = Math.round((Date.now() - startedAt) / 1000);
  const sumOf = (each: Readonly<Record<string, number>>): number =>
    Object.values(each).reduce((sum, count) => sum + count, 0);
  const sample = observations.samples.at(-1);
  const light = lights.at(-1);
  const active = faults.filter(({ goneAt }) => goneAt === null).map(({ name }) => name);
  const line = [
    `${elapsed}/${minutes * 60} s`,
    `${sumOf(counts)} records, ${sumOf(falseCounts)} false`,
    `${faults.length} faults`,
    `${light?.known ?? 0} known`,
    `${Math.round((sample?.residentBytes ?? 0) / 2 ** 20)} MiB`,
    active.join(", ") || "quiet",
  ].join(" · ");
  printLine(line);
}

function printLine(line: string): void {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}
