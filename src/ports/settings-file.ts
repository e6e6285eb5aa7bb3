import type { Disposer } from "../faults/emitter.js";

/** What is at the path of the settings file. */
export type FileContent =
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: string };

/** Watches one file. Its folder may be missing, disappear and come back. */
export interface SettingsFile {
  readonly path: string;
  /**
   * Reads at once, unless an edit may be under way, and within 1 s of each edit's last write. The
   * disposer releases everything.
   */
  watch(listener: (content: FileContent) => void): Disposer;
}

/** One line of the settings file. */
export type IniLine =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "section";
      readonly name: string;
      /** False if a bracket is missing, or the line is no header to other readers of the file. */
      readonly isComplete: boolean;
      /** What follows the header on its line, other than a comment. */
      readonly rest: string;
    }
  | {
      readonly kind: "entry";
      readonly name: string;
      /** As the ini package decodes it. */
      readonly value: string;
      /** Without quotes and comment, and every backslash as it is written. */
      readonly verbatimValue: string;
    };

/** Reads in a time linear in the length of the line. */
export type ReadIniLine = (line: string) => IniLine;
