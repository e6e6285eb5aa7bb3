// npm run soak: runs the built worker for some minutes under faults that a seed decides, compares
// everything that it says with the truth, and writes build/soak/report.md. The exit code is 1 if a
// check fails, and 2 for wrong options.
import { checksOf } from "./soak-checks.js";
import { readSoakOptions, USAGE, type SoakOptions } from "./soak-options.js";
import { checkLines, REPORT_PATH, writeReport } from "./soak-report.js";
import { Soak } from "./soak.js";

const PROGRESS_MS = 5_000;

const options = readOptions();
if (options === null) process.exitCode = 2;
else process.exitCode = await runSoak(options);

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
  const soak = new Soak({ minutes, seed });
  const timer = setInterval(() => void printProgress(soak, minutes), PROGRESS_MS);
  process.once("SIGINT", () => void soak.stop().finally(() => process.exit(130)));
  try {
    const result = await soak.run();
    clearInterval(timer);
    if (process.stdout.isTTY) process.stdout.write("\n");
    if (result.secretStore === "memory") {
      const message = "LEFT OUT: without gnome-keyring and D-Bus, nothing is said of lost grants.";
      console.error(message);
      if (process.env.CI === "true") return 1;
    }
    const checks = checksOf(result);
    const summary = writeReport(result, checks);
    console.log(`${checkLines(checks).join("\n")}\nReport: ${REPORT_PATH}\n${summary}`);
    return checks.every(({ failures }) => failures.length === 0) ? 0 : 1;
  } finally {
    clearInterval(timer);
    await soak.stop();
  }
}

async function printProgress(soak: Soak, minutes: number): Promise<void> {
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
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}
