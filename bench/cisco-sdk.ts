import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** Apart from the dependencies of the project, because only this bench needs the SDK. */
const CISCO_SDK_FOLDER = join("node_modules", ".cache", "webex-sdk");

/** The parts of Cisco's SDK (`webex`) that read people, without encryption and meetings. */
const PACKAGES: Readonly<Record<string, string>> = {
  "@webex/webex-core": "3.12.0",
  "@webex/plugin-people": "3.12.0",
  "@webex/plugin-logger": "3.12.0",
  // An undeclared dependency of the other three, which only `webex` declares.
  "@babel/runtime-corejs2": "7.29.13",
};
const PROGRESS_INTERVAL_MS = 10_000;
const INSTALL_TIMEOUT_MS = 180_000;

export const CISCO_SDK_VERSIONS = Object.entries(PACKAGES)
  .map(([name, version]) => `${name} ${version}`)
  .join(", ");

/** Installs Cisco's SDK unless it is installed already. Rejects with an Error for users. */
export async function installCiscoSdk(log: (text: string) => void): Promise<void> {
  if (await isInstalled()) return;
  const startedAt = performance.now();
  const elapsedText = (): string => `${Math.round((performance.now() - startedAt) / 1_000)} s`;
  log(`installing Cisco's JavaScript SDK into ${CISCO_SDK_FOLDER}: about 40 MB, a few seconds`);
  const progressTimer = setInterval(
    () => log(`still installing, ${elapsedText()}`),
    PROGRESS_INTERVAL_MS,
  );
  try {
    await install();
  } catch (error) {
    const message = `Cannot install Cisco's JavaScript SDK into ${CISCO_SDK_FOLDER}: ${npmErrorSummary(error)}`;
    throw new Error(message, { cause: error });
  } finally {
    clearInterval(progressTimer);
  }
  log(`installed in ${elapsedText()}`);
}

/** Checks the file that npm writes last, so that an interrupted installation does not count. */
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
  // By default, npm retries for minutes if there is no network.
  const networkOptions = [
    "--prefer-offline",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
  ];
  const packages = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  // On Windows npm is a batch file, which Node can only run in a shell.
  const options = { timeout: INSTALL_TIMEOUT_MS, shell: process.platform === "win32" };
  await promisify(execFile)(
    "npm",
    ["install", "--prefix", CISCO_SDK_FOLDER, ...outputOptions, ...networkOptions, ...packages],
    options,
  );
}

/** The first lines of npm's error, without advice and local paths, for the results. */
function npmErrorSummary(error: unknown): string {
  const { killed, stderr, message } = error as {
    killed?: boolean;
    stderr?: string;
    message: string;
  };
  if (killed === true) return `npm did not finish within ${INSTALL_TIMEOUT_MS / 1_000} s`;
  const lines = (stderr ?? "").split("\n").filter((line) => line.startsWith("npm error "));
  const summaryLines = lines.slice(0, 2).map((line) => line.slice("npm error ".length).trim());
  return summaryLines.length === 0
    ? message
    : summaryLines.filter((line) => !/^(syscall|path|errno) |:\/\//.test(line)).join("; ");
}

interface WebexPage {
  readonly length: number;
  hasNext(): boolean;
  next(): Promise<WebexPage>;
}

interface Webex {
  readonly people: { list(query: { max: number }): Promise<WebexPage> };
  once(event: "ready", listener: () => void): void;
}

interface WebexCoreModule {
  readonly default: new (attributes: object) => Webex;
}

/** Sweeps with Cisco's SDK as documented: list, then the next pages. Requires `installCiscoSdk`. */
export async function ciscoSdkSweeper(
  apiUrl: string,
  token: string,
  pageSize: number,
): Promise<() => Promise<number>> {
  const load = createRequire(resolve(CISCO_SDK_FOLDER, "package.json"));
  const core = load("@webex/webex-core") as WebexCoreModule;
  // Plugins register with the core when they are loaded, for instances created afterwards.
  for (const plugin of ["@webex/plugin-logger", "@webex/plugin-people"]) load(plugin);
  const webex = new core.default({
    credentials: { access_token: token },
    config: configuration(apiUrl),
  });
  await new Promise<void>((ready) => webex.once("ready", ready));
  return async () => {
    let items = 0;
    let page: WebexPage | null = await webex.people.list({ max: pageSize });
    while (page !== null) {
      items += page.length;
      page = page.hasNext() ? await page.next() : null;
    }
    return items;
  };
}

function configuration(apiUrl: string): object {
  // Keeps the SDK from looking up its catalog of services at Cisco when it starts.
  const noCatalog = new URL("/catalog", apiUrl).href;
  return {
    services: { discovery: { hydra: apiUrl, u2c: noCatalog, sqdiscovery: noCatalog } },
    // By default, the core prints several lines per request, which would distort the comparison.
    logger: { level: "silent" },
  };
}
