import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { nodeProcess } from "../platform/node-process.js";
import { checkLaunchOptions, defaultLogDirectory } from "../worker/launch-options.js";

const around = { platform: nodeProcess.platform, environment: process.env, homeDirectory: homedir(), resolve };

/** The settings file that a worker launched with this option would read; null where it would refuse to start. */
export function settingsPathFor(given: string | null): string | null {
  const options = checkLaunchOptions({ settings: given, hostPid: null, logDir: null, logLevel: null, secretStore: null }, around);
  return "wrong" in options ? null : options.settingsPath;
}

/** Where the worker writes its files. */
export function logDirectoryFor(given: string | null): string {
  return given === null ? defaultLogDirectory(around) : resolve(given);
}

export function statusFileIn(logDirectory: string): string {
  return join(logDirectory, "status.json");
}
