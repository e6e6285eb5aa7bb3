import { spawnSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PARTS = ["dist", "node_modules/keytar", "openrpc.json", "plugin.manifest.json"];

/** A copy of the built product for another account: the sources may be in a private folder. */
export class ReadableProduct {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<ReadableProduct> {
    const folder = await mkdtemp(join(tmpdir(), "ucx-readable-"));
    for (const part of PARTS)
      await cp(part, join(folder, part), { recursive: true, dereference: true });
    spawnSync("chmod", ["-R", "a+rX", folder]);
    return new ReadableProduct(folder);
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
