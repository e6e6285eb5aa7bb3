import type { Disposer } from "../../src/faults/emitter.js";
import type { FileContent, SettingsFile } from "../../src/ports/settings-file.js";

/** A settings file in memory: each `put`, `remove` and `makeUnreadable` is one settled edit. */
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
    this.#replace({
      kind: "content",
      bytes: typeof content === "string" ? Buffer.from(content) : content,
    });
  }

  remove(): void {
    this.#replace({ kind: "absent" });
  }

  makeUnreadable(reason = "the worker's account is not allowed to read it"): void {
    this.#replace({ kind: "unreadable", reason });
  }

  watch(listener: (content: FileContent) => void): Disposer {
    const entry = (content: FileContent): void => listener(content);
    this.#listeners.set(entry, null);
    queueMicrotask(() => this.#notify(entry));
    return () => {
      this.#listeners.delete(entry);
    };
  }

  #replace(content: FileContent): void {
    this.#content = content;
    for (const listener of [...this.#listeners.keys()]) this.#notify(listener);
  }

  #notify(listener: (content: FileContent) => void): void {
    const last = this.#listeners.get(listener);
    if (last === undefined || (last !== null && fingerprint(last) === fingerprint(this.#content)))
      return;
    this.#listeners.set(listener, this.#content);
    listener(this.#content);
  }
}

function fingerprint(content: FileContent): string {
  return content.kind === "content"
    ? `content ${Buffer.from(content.bytes).toString("hex")}`
    : JSON.stringify(content);
}
