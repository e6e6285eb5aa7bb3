import { unlinkSync } from "node:fs";
import { unlink, open, type FileHandle } from "node:fs/promises";

import { loadLibrary, type Library } from "./lazy-modules.js";

/** `rw-------`, of a regular file, as a zip keeps it. */
const PRIVATE_FILE_ATTRIBUTES = 0o100600 * 2 ** 16;
const UNIX = 3;
const MAX_BUFFERED_CHARACTERS = 64 * 1024;

/**
 * A new zip archive that only this account may read (on Windows: whoever may read the folder). An
 * entry of any size takes little memory. If the process exits before it is complete, it is removed
 * (not if the process is killed). Errors of the disk reject as the system's.
 */
export class ZipFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #library: Library<"fflate">;
  readonly #zip: InstanceType<Library<"fflate">["Zip"]>;
  #pending: Uint8Array[] = [];
  #size = 0;
  readonly #removeAtExit = (): void => {
    try {
      unlinkSync(this.path);
    } catch {
      // Removed already.
    }
  };

  private constructor(path: string, file: FileHandle, library: Library<"fflate">) {
    this.path = path;
    this.#file = file;
    this.#library = library;
    this.#zip = new library.Zip((_error, chunk) => this.#pending.push(chunk));
    process.once("exit", this.#removeAtExit);
  }

  /** Rejects with EEXIST if there is something at the path, be it a link. */
  static async create(path: string): Promise<ZipFile> {
    const library = await loadLibrary("fflate");
    return new ZipFile(path, await open(path, "wx", 0o600), library);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  /** `modified`: the local time that the archive shows. */
  async add(
    name: string,
    content: string | AsyncIterable<string>,
    modified = new Date(),
  ): Promise<void> {
    const entry = new this.#library.ZipDeflate(name, { level: 6 });
    entry.mtime = modified;
    entry.os = UNIX;
    entry.attrs = PRIVATE_FILE_ATTRIBUTES;
    this.#zip.add(entry);
    const encoder = new TextEncoder();
    let buffered = "";
    for await (const text of typeof content === "string" ? [content] : content) {
      buffered += text;
      if (buffered.length < MAX_BUFFERED_CHARACTERS) continue;
      entry.push(encoder.encode(buffered));
      buffered = "";
      await this.#flush();
    }
    entry.push(encoder.encode(buffered), true);
    await this.#flush();
  }

  /** Completes the archive. It is on the disk when this resolves. */
  async finish(): Promise<void> {
    this.#zip.end();
    await this.#flush();
    await this.#file.sync();
    await this.#file.close();
    process.off("exit", this.#removeAtExit);
  }

  /** Removes the file. Never rejects. */
  async discard(): Promise<void> {
    this.#zip.terminate();
    await this.#file.close().catch(() => undefined);
    await unlink(this.path).catch(() => undefined);
    process.off("exit", this.#removeAtExit);
  }

  async #flush(): Promise<void> {
    const chunks = this.#pending;
    this.#pending = [];
    for (const chunk of chunks) {
      await this.#file.appendFile(chunk);
      this.#size += chunk.length;
    }
  }
}
