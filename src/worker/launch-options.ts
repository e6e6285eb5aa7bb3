import type { LogLevel } from "../ports/logger.js";
import { MAX_PROCESS_ID } from "../rpc/params.js";

export interface LaunchOptions {
  readonly settingsPath: string;
  readonly hostPid: number | null;
  /** null: there is no folder to write a log file and a status file to. */
  readonly logDirectory: string | null;
  /** null: the level that the settings name. */
  readonly logLevel: LogLevel | null;
  readonly secretStore: "keychain" | "memory";
}

export const USAGE =
  "usage: worker --settings <Presence.ini> [--host-pid <n>] [--log-dir <dir>] [--log-level error|warn|info|debug] [--secret-store keychain|memory]";

/** From the product's manual. */
const WINDOWS_SETTINGS =
  "C:\\Program Files (x86)\\StonevoiceAS\\Apps\\Presence\\Settings\\Presence.ini";

interface LaunchArguments {
  readonly settings: string | null;
  readonly hostPid: string | null;
  readonly logDir: string | null;
  readonly logLevel: string | null;
  readonly secretStore: string | null;
}

interface LaunchEnvironment {
  readonly platform: "windows" | "macos" | "linux";
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** null: the account has none. */
  readonly homeDirectory: string | null;
  /** Returns null for a relative path if there is no current folder. */
  readonly resolve: (path: string) => string | null;
}

/**
 * Checks the options and fills in defaults; `error` is a sentence that names the option at fault
 * (contract: launch).
 */
export function checkLaunchOptions(
  args: LaunchArguments,
  env: LaunchEnvironment,
): LaunchOptions | { readonly error: string } {
  const settings = args.settings ?? (env.platform === "windows" ? WINDOWS_SETTINGS : null);
  if (settings === null || settings === "")
    return { error: "--settings is required: the path of Presence.ini." };
  const hostPid = args.hostPid === null ? null : parseProcessId(args.hostPid);
  if (args.hostPid !== null && hostPid === null)
    return {
      error: `--host-pid must be a process id from 1 to ${MAX_PROCESS_ID}, not "${args.hostPid}".`,
    };
  if (args.logDir === "") return { error: "--log-dir must be the path of a folder." };
  const { logLevel, secretStore } = args;
  if (logLevel !== null && !isLogLevel(logLevel))
    return { error: `--log-level must be error, warn, info or debug, not "${logLevel}".` };
  if (secretStore !== null && secretStore !== "keychain" && secretStore !== "memory") {
    return { error: `--secret-store must be keychain or memory, not "${secretStore}".` };
  }
  const settingsPath = env.resolve(settings);
  if (settingsPath === null) return { error: noCurrentFolder("--settings") };
  const logDirectory = args.logDir === null ? null : env.resolve(args.logDir);
  if (args.logDir !== null && logDirectory === null) return { error: noCurrentFolder("--log-dir") };
  return {
    settingsPath,
    hostPid,
    logDirectory: logDirectory ?? defaultLogDirectory(env),
    logLevel,
    secretStore: secretStore ?? "keychain",
  };
}

/**
 * Where the worker writes without `--log-dir` (contract: files); null if the account has no home
 * directory.
 */
export function defaultLogDirectory(env: Omit<LaunchEnvironment, "resolve">): string | null {
  const name = "ucx-webex-presence";
  const { environment, homeDirectory } = env;
  const inHome = (path: string): string | null =>
    homeDirectory === null ? null : `${homeDirectory.replace(/\/+$/, "")}/${path}/${name}`;
  switch (env.platform) {
    case "windows": {
      const { PROGRAMDATA: data = "" } = environment;
      return `${/^([a-z]:[\\/]|\\\\)/i.test(data) ? data : "C:\\ProgramData"}\\${name}`;
    }
    case "macos":
      return inHome("Library/Logs");
    case "linux": {
      // The XDG Base Directory Specification says to ignore a path that is not absolute.
      const state = environment.XDG_STATE_HOME;
      return state?.startsWith("/") === true ? `${state}/${name}` : inHome(".local/state");
    }
  }
}

export function noCurrentFolder(option: string): string {
  return `${option} is a relative path, but the current folder does not exist any more. Name an absolute path.`;
}

function parseProcessId(text: string): number | null {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  return value > 0 && value <= MAX_PROCESS_ID ? value : null;
}

function isLogLevel(text: string): text is LogLevel {
  return ["error", "warn", "info", "debug"].includes(text);
}
