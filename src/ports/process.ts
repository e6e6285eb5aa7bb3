import type { Disposer } from "../faults/emitter.js";

/** The process around us. */
export interface ProcessPort {
  readonly pid: number;
  /** The account this process runs under, as an administrator would name it. */
  readonly account: string;
  readonly platform: "windows" | "macos" | "linux";
  /** Calls once when the process `pid` is gone (at once if it already is); noticed within 3 s. */
  onExit(pid: number, listener: () => void): Disposer;
}

/** Replaces the status file whole. Never throws: a full or read-only disk costs the file, never the service. */
export interface StatusFile {
  write(text: string): Promise<void>;
}
