import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** What a host needs of plugin.manifest.json. */
export interface WorkerManifest {
  /** The manifest's folder: relative arguments are relative to it. */
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly settingsArgument: string;
  readonly hostPidArgument: string;
  readonly protocolVersion: string;
  readonly restart: { readonly policy: string; readonly delaysSeconds: readonly number[] };
}

/** Reads a manifest. Throws an Error for one that this host cannot launch. */
export function readManifest(path: string): WorkerManifest {
  const manifest = JSON.parse(readFileSync(path, "utf8")) as {
    manifestVersion?: unknown;
    worker?: Omit<WorkerManifest, "folder"> & { transport: string; framing: string };
  };
  const { worker } = manifest;
  if (manifest.manifestVersion !== 1 || !worker)
    throw new Error(`${path} is not a plugin manifest of version 1.`);
  if (worker.transport !== "stdio" || worker.framing !== "content-length") {
    throw new Error(
      `${path} asks for ${worker.transport} and ${worker.framing}; this host speaks stdio and content-length.`,
    );
  }
  return {
    folder: dirname(resolve(path)),
    command: worker.command,
    args: worker.args,
    settingsArgument: worker.settingsArgument,
    hostPidArgument: worker.hostPidArgument,
    protocolVersion: worker.protocolVersion,
    restart: worker.restart,
  };
}
