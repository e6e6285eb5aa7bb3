import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Beside the project's own packages and none of them: where nobody measures, nobody has them. */
export const CISCO_SDK_FOLDER = join("node_modules", ".cache", "webex-sdk");

/** Of Cisco's SDK (`webex`) only what reads people; the whole of it brings encryption, calling and meetings along. */
const PACKAGES: Readonly<Record<string, string>> = {
  "@webex/webex-core": "3.12.0",
  "@webex/plugin-people": "3.12.0",
  "@webex/plugin-logger": "3.12.0",
  // The three need it and do not say so: only `webex` does.
  "@babel/runtime-corejs2": "7.29.13",
};
const PROGRESS_INTERVAL_MS = 10_000;
const INSTALL_TIMEOUT_MS = 180_000;

/** For those who read the results. */
export const CISCO_SDK_VERSIONS = Object.entries(PACKAGES)
  .map(([name, version]) => `${name} ${version}`)
  .join(", ");

/** Sees that Cisco's SDK lies in its folder in these versions; rejects, saying why, when it cannot be had. */
export async function installCiscoSdk(log: (text: string) => void): Promise<void> {
  if (await isInstalled()) return;
  const startedAt = performance.now();
  const elapsedText = (): string => `${Math.round((performance.now() - startedAt) / 1_000)} s`;
  log(`installing Cisco's JavaScript SDK into ${CISCO_SDK_FOLDER}: some 40 MB, some seconds`);
  const progressTimer = setInterval(
    () => log(`still installing, ${elapsedText()}`),
    PROGRESS_INTERVAL_MS,
  );
  try {
    await install();
  } catch (error) {
    throw new Error(
      `Cisco's JavaScript SDK could not be installed into ${CISCO_SDK_FOLDER}: ${npmErrorSummary(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    clearInterval(progressTimer);
  }
  log(`installed in ${elapsedText()}`);
}

/** By what npm writes when all else is done: an installation that was cut off does not count. */
async function isInstalled(): Promise<boolean> {
  const text = await readFile(
    join(CISCO_SDK_FOLDER, "node_modules", ".package-lock.json"),
    "utf8",
  ).catch(() => "{}");
  const { packages = {} } = JSON.parse(text) as {
    packages?: Record<string, { version?: string } | undefined>;
  };
  return Object.entries(PACKAGES).every(
    ([name, version]) => packages[`node_modules/${name}`]?.version === version,
  );
}

async function install(): Promise<void> {
  const outputOptions = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  // npm's own patience is minutes where there is no network.
  const networkOptions = [
    "--prefer-offline",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
  ];
  const packages = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  // npm is a batch file on Windows, which Node starts through a shell only.
  const options = { timeout: INSTALL_TIMEOUT_MS, shell: process.platform === "win32" };
  await promisify(execFile)(
    "npm",
    ["install", "--prefix", CISCO_SDK_FOLDER, ...outputOptions, ...networkOptions, ...packages],
    options,
  );
}

/** npm's first words about it. What follows them is advice and places on this machine, which have no business in the results. */
function npmErrorSummary(error: unknown): string {
  const { killed, stderr, message } = error as {
    killed?: boolean;
    stderr?: string;
    message: string;
  };
  if (killed === true) return `npm had not ended after ${INSTALL_TIMEOUT_MS / 1_000} s`;
  const lines = (stderr ?? "").split("\n").filter((line) => line.startsWith("npm error "));
  const summaryLines = lines.slice(0, 2).map((line) => line.slice("npm error ".length).trim());
  return summaryLines.length === 0
    ? message
    : summaryLines.filter((line) => !/^(syscall|path|errno) |:\/\//.test(line)).join("; ");
}
