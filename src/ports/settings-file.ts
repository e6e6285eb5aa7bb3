import type { Disposer } from "../faults/emitter.js";

/** What is at the path of the settings file. */
export type FileContent =
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: string };

/** Watches one file. Its folder may be missing, disappear and come back. */
export interface SettingsFile {
  readonly path: string;
  /** Reads at once, then within 1 s of each edit's last write. The disposer releases everything. */
  watch(listener: (content: FileContent) => void): Disposer;
}

/** One line as the ini package reads it. */
export type IniLine =
  | { readonly kind: "nothing" }
  | { readonly kind: "section"; readonly name: string }
  | { readonly kind: "entry"; readonly name: string; readonly value: string };

export type ReadIniLine = (line: string) => IniLine;
