import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { FSWatcher } from "chokidar";
import { monotonicMs } from "./system-clock.js";

/** Before a folder watch that has failed is tried again. */
const REOPEN_MS = 5000;

/**
 * Rings when something happens to a file, for whoever then looks. It is chokidar on the file's folder, opened when the folder is there
 * and given up when it goes: on Windows an open watch keeps it from going.
 */
export class FolderWatcher {
  readonly #folder: string;
  readonly #fileName: string;
  readonly #onChange: () => void;
  #watcher: FSWatcher | null = null;
  #watchedFolderId: string | null = null;
  #openedAt = -Infinity;
  #closed = false;

  constructor(path: string, onChange: () => void) {
    this.#folder = dirname(path);
    this.#fileName = basename(path).toLowerCase();
    this.#onChange = onChange;
  }

  /** Never rejects: without the doorbell, the regular looks find everything, a little later. */
  async ensureOpen(): Promise<void> {
    const folder = await stat(this.#folder, { bigint: true }).then(
      (stats) => (stats.isDirectory() ? `${stats.dev}:${stats.ino}` : null),
      () => null,
    );
    if (this.#watcher !== null && folder === this.#watchedFolderId) return;
    this.#closeWatcher();
    // Not more often than that, also where a network share numbers its folders anew at each look.
    if (folder === null || monotonicMs() - this.#openedAt < REOPEN_MS) return;
    this.#openedAt = monotonicMs();
    this.#watchedFolderId = folder;
    await this.#open().catch(() => undefined);
  }

  close(): void {
    this.#closed = true;
    this.#closeWatcher();
  }

  async #open(): Promise<void> {
    const { watch } = await import("chokidar");
    if (this.#closed) return;
    const watcher = watch(this.#folder, {
      depth: 0,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // Both would hold events back; the looks decide what one edit is.
      atomic: false,
      awaitWriteFinish: false,
      // With false, chokidar listens to no error of its watches, and one would end the process. `close` lets the process end.
      persistent: true,
      ignored: (path) =>
        resolve(path) !== this.#folder && basename(path).toLowerCase() !== this.#fileName,
    });
    this.#watcher = watcher;
    watcher.on("all", this.#onChange);
    watcher.on("error", () => {
      if (this.#watcher === watcher) this.#closeWatcher();
    });
  }

  #closeWatcher(): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    if (watcher === null) return;
    void watcher.close();
    // `close` takes every listener off, and an error that comes late would end the process.
    watcher.on("error", () => undefined);
  }
}
