import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { nodeProcess } from "../platform/node-process.js";
import { checkLaunchOptions, defaultLogDirectory } from "../worker/launch-options.js";

const env = {
  platform: nodeProcess.platform,
  environment: process.env,
  homeDirectory: homedir(),
  resolve,
};

/** The settings file that a worker launched with this option would read; null where it would refuse to start. */
export function settingsPathFor(option: string | null): string | null {
  const options = checkLaunchOptions(
    { settings: option, hostPid: null, logDir: null, logLevel: null, secretStore: null },
    env,
  );
  return "error" in options ? null : options.settingsPath;
}

/** Where the worker writes its files. */
export function logDirectoryFor(option: string | null): string {
  return option === null ? defaultLogDirectory(env) : resolve(option);
}

export function statusFilePath(logDirectory: string): string {
  return join(logDirectory, "status.json");
}
