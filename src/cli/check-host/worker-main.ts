// The bundle that the launcher of each scenario loads.
import { ScriptedWorker, type ScriptedWorkerOptions } from "./scripted-worker.js";
import { SCRIPTS } from "./scripts.js";

/** Starts the worker of a scenario. */
export function runScriptedWorker(options: ScriptedWorkerOptions): void {
  new ScriptedWorker(options).start(SCRIPTS[options.scenario]);
}
