import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

import { ClientError } from "./errors.js";
import type { WorkerManifest } from "./manifest.js";

export interface LaunchOptions {
  /** The path of Presence.ini. */
  readonly settingsPath: string;
  /** Arguments after those of the manifest, such as `["--secret-store", "memory"]`. */
  readonly args?: readonly string[];
  /** Added to the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Replaces the manifest's command, for example with another version of Node.js. */
  readonly command?: string;
  /** The host's process id; null leaves the argument out. Default: the id of this process. */
  readonly hostPid?: number | null;
  /** Gives the worker a process group of its own, as a service manager does. Default: false. */
  readonly ownProcessGroup?: boolean;
}

/**
 * Launches the worker as docs/integration.md says. Without a `pid`, the launch has failed. Throws a
 * `ClientError`, `launchFailed`, for the failures that Node.js reports at once.
 */
export function spawnWorker(
  manifest: WorkerManifest,
  options: LaunchOptions,
): ChildProcessWithoutNullStreams {
  const { hostPid = process.pid, settingsPath, args = [], env } = options;
  const launchArgs = [
    ...manifest.args,
    manifest.settingsArgument,
    resolve(settingsPath),
    ...(hostPid === null ? [] : [manifest.hostPidArgument, String(hostPid)]),
    ...args,
  ];
  const command = options.command ?? manifest.command;
  try {
    return spawn(command, launchArgs, {
      cwd: manifest.folder,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: options.ownProcessGroup ?? false,
      windowsHide: true,
    });
  } catch (cause) {
    throw launchFailed(cause as Error, command, manifest);
  }
}

/** Why a launch has failed. */
export async function launchError(
  child: ChildProcessWithoutNullStreams,
  manifest: WorkerManifest,
): Promise<ClientError> {
  const [cause] = (await once(child, "error")) as [Error];
  return launchFailed(cause, child.spawnfile, manifest);
}

function launchFailed(cause: Error, program: string, { folder }: WorkerManifest): ClientError {
  return new ClientError(
    "launchFailed",
    `The worker could not be launched: ${cause.message}. Presence stays unknown until it runs. ` +
      `Check that this account may run ${program}, and that the folder ${folder} is complete.`,
    { cause },
  );
}
