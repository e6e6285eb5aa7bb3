import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import type { WorkerExit } from "../../src/client/client.js";
import type { FaultTrial } from "./fault-harness.js";
import { KEYRING_TOOLS, startKeyring } from "./keyring-fixture.js";
import { hasTool } from "./required-tool-fixture.js";
import { WorkerHarness, type WorkerHarnessOptions } from "./worker-harness.js";

const missingTool = KEYRING_TOOLS.find(([name]) => !hasTool(name));
/** Why a row that keeps its authorization over a restart is left out here, or null. */
export const KEYRING_MISSING =
  missingTool === undefined
    ? null
    : `needs ${missingTool[0]} (Debian package: ${missingTool[1]}), a real keychain`;

/** The manifest's first delay before a restart, 1 s, and the launch of a process. */
export const RESTART_LIMIT_MS = 15_000;

/** A worker that polls, with its authorization in a real keychain of its own. */
export async function startWithKeyring(
  trial: FaultTrial,
  options: WorkerHarnessOptions = {},
): Promise<WorkerHarness> {
  const keyring = await startKeyring();
  trial.cleanUp(() => keyring.stop());
  const env = { ...keyring.env, ...options.env };
  return WorkerHarness.startPolling({ ...options, secretStore: "keychain", env });
}

/** A process that does nothing, for example in the host's place. */
export async function startIdleProcess(trial: FaultTrial): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  trial.cleanUp(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  return child as ChildProcess & { pid: number };
}

/** Does something, and measures how long the worker takes to end then. */
export async function measureExit(trial: FaultTrial, act: () => unknown): Promise<WorkerExit> {
  const { host } = trial.harness;
  const startedAt = performance.now();
  const exited = host.exited();
  await act();
  const exit = await exited;
  trial.measure(`ended after ${((performance.now() - startedAt) / 1000).toFixed(2)} s`);
  return exit;
}

/** The host launches the worker again, and subscribes. The authorization is in the keychain. */
export async function launchAgain(harness: WorkerHarness): Promise<void> {
  await harness.host.start();
  await subscribeAgain(harness);
}

/** Subscriptions exist only in the process that has ended. */
export async function subscribeAgain(harness: WorkerHarness): Promise<void> {
  await harness.host.request("presence/subscribe", { all: true });
}
