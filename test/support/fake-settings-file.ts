import type { Disposer } from "../../src/faults/emitter.js";
import type { FileContent, SettingsFile } from "../../src/ports/settings-file.js";

/** A settings file in memory: each `put`, `remove` and `obstruct` is one settled edit. */
export class FakeSettingsFile implements SettingsFile {
  readonly path: string;
  #content: FileContent = { kind: "absent" };
  readonly #listeners = new Map<(content: FileContent) => void, FileContent | null>();

  constructor(path = "/etc/ucx/Presence.ini", text?: string) {
    this.path = path;
    if (text !== undefined) this.#content = { kind: "content", bytes: Buffer.from(text) };
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  put(content: string | Uint8Array): void {
    this.#become({ kind: "content", bytes: typeof content === "string" ? Buffer.from(content) : content });
  }

  remove(): void {
    this.#become({ kind: "absent" });
  }

  /** Something keeps the file from being read. */
  obstruct(reason = "the worker's account is not allowed to read it"): void {
    this.#become({ kind: "unreadable", reason });
  }

  watch(listener: (content: FileContent) => void): Disposer {
    const own = (content: FileContent): void => listener(content);
    this.#listeners.set(own, null);
    queueMicrotask(() => this.#tell(own));
    return () => {
      this.#listeners.delete(own);
    };
  }

  #become(content: FileContent): void {
    this.#content = content;
    for (const listener of [...this.#listeners.keys()]) this.#tell(listener);
  }

  #tell(listener: (content: FileContent) => void): void {
    const told = this.#listeners.get(listener);
    if (told === undefined || (told !== null && asText(told) === asText(this.#content))) return;
    this.#listeners.set(listener, this.#content);
    listener(this.#content);
  }
}

function asText(content: FileContent): string {
  return content.kind === "content" ? `content ${Buffer.from(content.bytes).toString("hex")}` : JSON.stringify(content);
}
