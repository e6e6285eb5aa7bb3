import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { ClientError } from "./errors.js";

/** The part of plugin.manifest.json that says how to launch the worker. */
export interface WorkerManifest {
  /** The folder of the manifest, to which relative arguments refer: the worker's current folder. */
  readonly folder: string;
  /** An absolute path, or the name of a program on the PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly settingsArgument: string;
  readonly hostPidArgument: string;
  readonly protocolVersion: string;
  readonly restart: {
    readonly policy: string;
    /** The last one is used for all further restarts. */
    readonly delaysSeconds: readonly number[];
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads the manifest that describes the worker (plugin.manifest.schema.json has every member).
 * Throws a `ClientError`, `manifestInvalid`.
 */
export function readManifest(path: string): WorkerManifest {
  const manifest = parseManifest(path);
  const { manifestVersion, worker } = manifest;
  if (manifestVersion !== 1 || !isObject(worker)) {
    throw invalid(path, "it is not a plugin manifest of version 1");
  }
  const { transport, framing } = worker;
  if (transport !== "stdio" || framing !== "content-length") {
    throw invalid(
      path,
      `it requires ${String(transport)} and ${String(framing)}, and this client supports stdio ` +
        "and content-length",
    );
  }
  const folder = dirname(resolve(path));
  const text = (name: string): string => {
    const value = worker[name];
    if (typeof value === "string" && value !== "") return value;
    throw invalid(path, `worker.${name} is not a text`);
  };
  const { args, restart } = worker;
  if (!isArrayOf(args, "string")) throw invalid(path, "worker.args is not a list of texts");
  const { policy, delaysSeconds } = isObject(restart) ? restart : {};
  if (typeof policy !== "string" || !isArrayOf(delaysSeconds, "number")) {
    throw invalid(path, "worker.restart has no policy, or no delays in seconds");
  }
  return {
    folder,
    command: resolveCommand(text("command"), folder),
    args,
    settingsArgument: text("settingsArgument"),
    hostPidArgument: text("hostPidArgument"),
    protocolVersion: text("protocolVersion"),
    restart: { policy, delaysSeconds },
  };
}

function parseManifest(path: string): JsonObject {
  let manifest: unknown;
  try {
    // Editors on Windows write a byte order mark.
    manifest = JSON.parse(readFileSync(path, "utf8").replace(/^\ufeff/, ""));
  } catch (error) {
    const reason = error instanceof SyntaxError ? "it is not JSON" : (error as Error).message;
    throw invalid(path, reason, error);
  }
  if (isObject(manifest)) return manifest;
  throw invalid(path, "it is not a plugin manifest of version 1");
}

/**
 * A command with a slash is a path relative to the manifest's folder. It is made absolute, because
 * operating systems differ in whether they look for a relative one in the current folder of the
 * host or in that of the new process.
 */
function resolveCommand(command: string, folder: string): string {
  return command.includes("/") ? resolve(folder, command) : command;
}

function invalid(path: string, reason: string, cause?: unknown): ClientError {
  return new ClientError(
    "manifestInvalid",
    `The worker cannot be launched from ${path}: ${reason}. Presence stays unknown. ` +
      "Check the path, or install the worker again.",
    { cause },
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isArrayOf(value: unknown, type: "string"): value is readonly string[];
function isArrayOf(value: unknown, type: "number"): value is readonly number[];
function isArrayOf(value: unknown, type: string): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === type);
}
