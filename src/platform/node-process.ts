import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { parseArgs } from "node:util";

import type { ReadAsset } from "../ports/loopback-server.js";
import type { ProcessPort, ReadProcessUsage } from "../ports/process.js";

const PROBE_INTERVAL_MS = 1_000;

const PLATFORM: Readonly<Record<string, ProcessPort["platform"]>> = {
  win32: "windows",
  darwin: "macos",
};

export const nodeProcess: ProcessPort = {
  pid: process.pid,
  account: accountName(),
  platform: PLATFORM[process.platform] ?? "linux",
  onExit(pid, listener) {
    const probe = (): void => {
      if (isAlive(pid)) return;
      clearInterval(timer);
      listener();
    };
    const timer = setInterval(probe, PROBE_INTERVAL_MS).unref();
    const firstProbe = setImmediate(probe);
    return () => {
      clearInterval(timer);
      clearImmediate(firstProbe);
    };
  },
};

export const readProcessUsage: ReadProcessUsage = () => {
  const { user, system } = process.cpuUsage();
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
};

/**
 * Whether a process runs, under whatever account (EPERM). A zombie does not. There is no process
 * above 2^31 - 1, the largest id that Node.js can ask for.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !isZombie(pid);
}

/** Linux keeps a dead process until its parent reads the exit code. proc(5): state after name. */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "latin1");
    return /^[ZX]$/.test(line.charAt(line.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** `DOMAIN\user` on Windows, where services have their own accounts; else the login name. */
function accountName(): string {
  const { USERDOMAIN: domain, USERNAME: user } = process.env;
  if (process.platform === "win32" && user !== undefined)
    return domain === undefined ? user : `${domain}\\${user}`;
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/**
 * The account's home directory, of $HOME or of the account; null if neither names one. An account
 * without an entry (systemd's DynamicUser, containers) has none.
 */
export function homeDirectory(): string | null {
  for (const read of [homedir, () => userInfo().homedir]) {
    try {
      const path = read();
      if (isAbsolute(path)) return path;
    } catch {
      // ENOENT: there is no such account.
    }
  }
  return null;
}

/** An absolute path; null for a relative one if the current folder was deleted. */
export function resolvePath(path: string): string | null {
  try {
    return resolve(path);
  } catch {
    return null;
  }
}

type LaunchOption = "settings" | "hostPid" | "logDir" | "logLevel" | "secretStore";

/**
 * Parses `--name value` and `--name=value`; a missing option is null. `error` is a sentence about
 * the first unknown or repeated option, missing value or positional argument.
 */
export function readLaunchArguments(
  argv: readonly string[],
): Readonly<Record<LaunchOption, string | null>> | { readonly error: string } {
  const text = { type: "string", multiple: true } as const;
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        settings: text,
        "host-pid": text,
        "log-dir": text,
        "log-level": text,
        "secret-store": text,
      },
    });
    const repeated = Object.entries(values).find(([, occurrences]) => occurrences.length > 1);
    if (repeated !== undefined) return { error: `--${repeated[0]} is given more than once.` };
    return {
      settings: values.settings?.[0] ?? null,
      hostPid: values["host-pid"]?.[0] ?? null,
      logDir: values["log-dir"]?.[0] ?? null,
      logLevel: values["log-level"]?.[0] ?? null,
      secretStore: values["secret-store"]?.[0] ?? null,
    };
  } catch (error) {
    const [sentence = ""] = (error as Error).message.split(/[.\n]/, 1);
    return { error: `${sentence}.` };
  }
}

declare const WORKER_VERSION: string | undefined;

/** The version of the package; the bundler defines it. */
export const version: string = typeof WORKER_VERSION === "undefined" ? "0.0.0" : WORKER_VERSION;

/** The folder of `dist/` and the manifest; the current folder if compiled sources run. */
export const productDirectory: string =
  typeof __dirname === "undefined" ? process.cwd() : join(__dirname, "..");

const isBundled = typeof __dirname !== "undefined";

/**
 * Where the files are that `readAsset` reads. Compiled sources read the originals, and what only
 * the build makes (the bundled script of the dashboard's page) from `dist/`.
 */
const assetDirectories: readonly string[] = isBundled
  ? [join(__dirname, "assets")]
  : [join(process.cwd(), "src"), join(process.cwd(), "dist", "assets")];

export const readAsset: ReadAsset = async (name) => {
  let failure: unknown;
  for (const directory of assetDirectories) {
    try {
      return await readFile(join(directory, name), "utf8");
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
};

/** Reads a JSON document of the product. */
export async function readProductDocument(
  name: "openrpc.json" | "plugin.manifest.json",
): Promise<unknown> {
  return JSON.parse(await readFile(join(productDirectory, name), "utf8"));
}
