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

export interface IniValue {
  /** As the ini package decodes it. */
  readonly value: string;
  /** Without quotes and comment, and every backslash as it is written. */
  readonly verbatimValue: string;
}

interface AnyLine {
  /**
   * The name in a header at the end of the line, behind other text: a header that was appended to a
   * line without an end.
   */
  readonly joinedHeader: string | null;
}

export interface SectionLine extends AnyLine {
  readonly kind: "section";
  readonly name: string;
  /** False if a bracket is missing, or the line is no header to other readers of the file. */
  readonly isComplete: boolean;
  /** What follows the header on its line, other than a comment. */
  readonly rest: string;
}

export interface EntryLine extends AnyLine, IniValue {
  readonly kind: "entry";
  readonly name: string;
  /** The value without the joined header, if there is one. */
  readonly valueInFront: IniValue;
}

/** One line of the settings file. */
export type IniLine = SectionLine | EntryLine | ({ readonly kind: "nothing" } & AnyLine);

/** Reads in a time linear in the length of the line. */
export type ReadIniLine = (line: string) => IniLine;
