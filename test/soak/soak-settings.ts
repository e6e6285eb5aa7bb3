import { rename, rm, writeFile } from "node:fs/promises";

/** Presence.ini, which several faults change. */
export class SoakSettings {
  readonly path: string;
  readonly #lines: readonly string[];
  readonly #values = new Map<string, string>();

  constructor(path: string, lines: readonly string[]) {
    this.path = path;
    this.#lines = lines;
  }

  /** Sets a key of WebexPresence, or takes it out (null), and saves the file as editors do. */
  async set(key: string, value: string | null): Promise<void> {
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
    await this.save();
  }

  async save(): Promise<void> {
    const changed = [...this.#values].map(([key, value]) => `WebexPresence.${key}=${value}`);
    await this.write([...this.#lines, ...changed, ""].join("\r\n"));
  }

  async write(content: string | Buffer): Promise<void> {
    await writeFile(`${this.path}.new`, content);
    await rename(`${this.path}.new`, this.path);
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
