// The files of one scenario: a manifest, a Presence.ini, and a program that the manifest launches.
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { DELAYS_SECONDS } from "./presence-steps.js";
import type { LaunchPlan, ScenarioId } from "./record.js";
import type { ScriptedWorkerOptions } from "./scripted-worker.js";

export interface ScenarioFiles extends ScriptedWorkerOptions {
  readonly manifestPath: string;
  readonly plan: LaunchPlan;
}

interface ScenarioFilesOptions {
  /** An existing folder. */
  readonly root: string;
  readonly scenario: ScenarioId;
  /** The product's manifest. */
  readonly manifest: Readonly<Record<string, unknown>>;
  /** The bundle of the scripted worker. */
  readonly workerPath: string;
}

const MANIFEST = "plugin.manifest.json";
const IS_WINDOWS = process.platform === "win32";

/**
 * Writes the files. The settings are in a folder whose name has spaces and parentheses, as the
 * product's own has. Throws an Error of the file system.
 */
export function writeScenarioFiles(options: ScenarioFilesOptions): ScenarioFiles {
  const { scenario, manifest, workerPath } = options;
  const folder = join(realpathSync.native(options.root), scenario);
  const settingsFolder = join(folder, "Program Files (x86)", "Presence");
  mkdirSync(settingsFolder, { recursive: true });
  const settingsPath = join(settingsFolder, "Presence.ini");
  writeFileSync(settingsPath, "WebexPresence.Enable=1\r\n");
  const eventsPath = join(folder, "events.jsonl");
  writeFileSync(eventsPath, "");
  const stopPath = join(folder, "stop");
  const script = join(folder, "worker.cjs");
  const workerOptions: ScriptedWorkerOptions = { scenario, eventsPath, stopPath };
  writeFileSync(
    script,
    `require(${JSON.stringify(workerPath)}).runScriptedWorker(${JSON.stringify(workerOptions)});\n`,
  );
  const args = ["--log-dir", join(folder, "log files")];
  const manifestPath = join(folder, MANIFEST);
  const worker = {
    ...(manifest.worker as object),
    command: scenario === "relativeCommand" ? relativeRuntime(folder) : forwardSlashes(execPath()),
    args: [script, ...args],
    restart: { policy: "on-failure", delaysSeconds: DELAYS_SECONDS },
  };
  writeFileSync(manifestPath, JSON.stringify({ ...manifest, worker }, null, 2));
  const plan = { folder, settingsPath, args, delaysSeconds: DELAYS_SECONDS };
  return { ...workerOptions, manifestPath, plan };
}

/** A command in a manifest has forward slashes. */
function forwardSlashes(path: string): string {
  return IS_WINDOWS ? path.replaceAll("\\", "/") : path;
}

function execPath(): string {
  return realpathSync.native(process.execPath);
}

/** Puts this Node.js below the folder, as a release has it, and returns the command for it. */
function relativeRuntime(folder: string): string {
  const name = IS_WINDOWS ? "node.exe" : "node";
  mkdirSync(join(folder, "runtime"));
  const target = join(folder, "runtime", name);
  // On Windows, links need a right, or the same volume; a copy takes 100 MB.
  const ways = IS_WINDOWS ? [linkSync, copyFileSync] : [symlinkSync, copyFileSync];
  for (const [index, place] of ways.entries()) {
    try {
      place(execPath(), target);
      break;
    } catch (error) {
      if (index === ways.length - 1) throw error;
    }
  }
  return `runtime/${name}`;
}
