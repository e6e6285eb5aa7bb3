import type { Disposer } from "../faults/emitter.js";

/** What is found where the settings file should be. */
export type FileContent =
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: string };

/** Watches one file by its folder, which may itself be absent, disappear and come back. */
export interface SettingsFile {
  readonly path: string;
  /** Reads at once, then after each edit has settled (within 1 s of its last write). The disposer ends it and closes everything. */
  watch(listener: (content: FileContent) => void): Disposer;
}

/** One line as the ini package reads it. */
export type IniLine =
  | { readonly kind: "nothing" }
  | { readonly kind: "section"; readonly name: string }
  | { readonly kind: "entry"; readonly name: string; readonly value: string };

export type ReadIniLine = (line: string) => IniLine;
