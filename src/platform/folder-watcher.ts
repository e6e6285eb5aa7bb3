import { watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import { type Library, loadLibrary } from "./lazy-modules.js";
import { monotonicMs } from "./system-clock.js";

/** The interval between attempts to watch a folder. */
const REOPEN_MS = 5_000;

/** A watch on a folder. `close` is idempotent, and nothing is called afterwards. */
interface OpenWatch {
  close(): void;
}

/** `isFile`: the event is about the file. Otherwise, another file of its folder has changed. */
export type FolderEventListener = (isFile: boolean) => void;

/**
 * Calls back on events of one file, and on those of its folder where the system reports them. The
 * watch is closed when the folder disappears, because on Windows an open watch keeps it from being
 * deleted.
 */
export class FolderWatcher {
  readonly #folder: string;
  readonly #fileName: string;
  readonly #onEvent: FolderEventListener;
  readonly #touchesFiles: boolean;
  #watch: OpenWatch | null = null;
  #watchedFolderId: string | null = null;
  #openedAt = -Infinity;
  #isClosed = false;

  /** `touchesFiles`: whether the watch may open the file in order to learn about it. */
  constructor(path: string, touchesFiles: boolean, onEvent: FolderEventListener) {
    this.#folder = dirname(path);
    this.#fileName = basename(path).toLowerCase();
    this.#onEvent = onEvent;
    this.#touchesFiles = touchesFiles;
  }

  /** Never rejects: without events, the regular checks find every change, a little later. */
  async ensureOpen(): Promise<void> {
    if (this.#isClosed) return;
    const folderId = await stat(this.#folder, { bigint: true }).then(
      (stats) => (stats.isDirectory() ? `${stats.dev}:${stats.ino}` : null),
      () => null,
    );
    if (this.#watch !== null && folderId === this.#watchedFolderId) return;
    this.#closeWatch();
    // The interval also holds where a network share gives its folders a new number at each check.
    if (folderId === null || monotonicMs() - this.#openedAt < REOPEN_MS) return;
    this.#openedAt = monotonicMs();
    this.#watchedFolderId = folderId;
    await this.#open().catch(() => undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#closeWatch();
  }

  async #open(): Promise<void> {
    const library = this.#touchesFiles ? await loadLibrary("chokidar") : null;
    if (this.#isClosed) return;
    this.#watch =
      library === null ? this.#watchFolderOnly() : this.#watchWithChokidar(library.watch);
  }

  #closeWatch(watch = this.#watch): void {
    if (watch !== this.#watch) return;
    this.#watch = null;
    watch?.close();
  }

  /**
   * chokidar follows a symbolic link to its target. It calls `stat` on all files of the folder,
   * also on those that it ignores.
   */
  #watchWithChokidar(watchFiles: Library<"chokidar">["watch"]): OpenWatch {
    const watcher = watchFiles(this.#folder, {
      depth: 0,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // Both would delay events; the checks decide what one edit is.
      atomic: false,
      awaitWriteFinish: false,
      // With false, chokidar ignores errors of its watches, and one would end the process.
      persistent: true,
      ignored: (path) => resolve(path) !== this.#folder && !this.#isFile(basename(path)),
    });
    const openWatch: OpenWatch = {
      close: () => {
        void watcher.close();
        // `close` removes all listeners, and a late error without one would end the process.
        watcher.on("error", () => undefined);
      },
    };
    watcher.on("all", () => this.#onEvent(true));
    watcher.on("error", () => this.#closeWatch(openWatch));
    return openWatch;
  }

  /** Opens nothing but the folder (Windows: ReadDirectoryChangesW). */
  #watchFolderOnly(): OpenWatch {
    // The name is missing where the system has lost events. They are rarely the file's, and a
    // check that each of them puts off would never take place while others keep coming.
    const watcher = watch(this.#folder, (_, name) =>
      this.#onEvent(name !== null && this.#isFile(name)),
    );
    watcher.on("error", () => this.#closeWatch(watcher));
    return watcher;
  }

  #isFile(name: string): boolean {
    return name.toLowerCase() === this.#fileName;
  }
}
