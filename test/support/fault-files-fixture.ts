import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { FaultTrial } from "./fault-harness.js";
import type { WorkerHarness } from "./worker-harness.js";

/** Why a row that mounts a disk is left out here, or null. */
export const MOUNT_MISSING = canMount() ? null : "needs the right to mount a disk (root)";
/** Why a row that takes root's own rights from the worker is left out here, or null. */
export const ROOT_MISSING =
  process.getuid?.() === 0 ? null : "needs root, whose rights setpriv takes from the worker";

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "ucx-mount-"));
  const isMounted = mount(folder, "size=16k");
  if (isMounted) unmount(folder);
  rmSync(folder, { recursive: true });
  return isMounted;
}

function mount(folder: string, options: string): boolean {
  const args = ["-t", "tmpfs", "-o", options, "tmpfs", folder];
  return spawnSync("mount", args, { stdio: "ignore" }).status === 0;
}

/** Lazily, as a disk vanishes that somebody uses. */
function unmount(folder: string): void {
  spawnSync("umount", ["-l", folder], { stdio: "ignore" });
}

/** A disk in memory over a folder, which hides what the folder holds until it is unmounted. */
export class MountedDisk {
  readonly folder: string;
  readonly #ballast: string;

  constructor(trial: FaultTrial, folder: string, size: string) {
    this.folder = folder;
    this.#ballast = join(folder, "ballast");
    mkdirSync(folder, { recursive: true });
    if (!mount(folder, `size=${size},mode=700`)) throw new Error(`No disk mounted: ${folder}`);
    trial.cleanUp(() => this.unmount());
  }

  /** Leaves not a byte. */
  async fill(): Promise<void> {
    const block = Buffer.alloc(4096);
    while ((await statfs(this.folder)).bavail > 0) {
      try {
        writeFileSync(this.#ballast, block, { flag: "a" });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  }

  empty(): void {
    rmSync(this.#ballast, { force: true });
  }

  remount(mode: "ro" | "rw"): void {
    execFileSync("mount", ["-o", `remount,${mode}`, this.folder]);
  }

  unmount(): void {
    unmount(this.folder);
  }
}

/**
 * A program that takes the place of the manifest's: shell commands, then Node.js with the worker's
 * arguments, in the same process.
 */
export function makeLauncher(trial: FaultTrial, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "ucx-launcher-"));
  trial.cleanUp(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "launch");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Waits until the settings name a log level. Longer than a second only on a busy machine. */
export async function expectLogLevel(harness: WorkerHarness, level: string): Promise<void> {
  await harness.waitFor(`the log level ${level}`, async () => {
    const { settings } = await harness.status();
    return settings.values["WebexPresence.LogLevel"] === level ? true : null;
  });
}

/** Waits for a text in a file of the log folder. */
export async function expectInLogFolder(
  trial: FaultTrial,
  name: string,
  text: string,
  timeoutMs = 20_000,
): Promise<void> {
  await trial.harness.waitFor(
    `"${text}" in ${name}`,
    async () => ((await trial.readLogFolder(name)).includes(text) ? true : null),
    timeoutMs,
  );
}

/** Waits for a text on stderr. */
export async function expectOnStderr(
  trial: FaultTrial,
  text: string,
  timeoutMs = 20_000,
): Promise<void> {
  await trial.harness.waitFor(
    `"${text}" on stderr`,
    async () => ((await trial.log()).includes(text) ? true : null),
    timeoutMs,
  );
}
