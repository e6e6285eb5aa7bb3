import type { Disposer } from "../faults/emitter.js";

/** The worker's own process, and others of this machine. */
export interface ProcessPort {
  readonly pid: number;
  /** The account that this process runs under, as administrators write it. */
  readonly account: string;
  readonly platform: "windows" | "macos" | "linux";
  /**
   * Calls once, within 3 s after the process `pid` (1 to 2^31 - 1) has ended; at once if there is
   * none.
   */
  onExit(pid: number, listener: () => void): Disposer;
}

/** What the worker's process uses. */
export interface ProcessUsage {
  readonly residentBytes: number;
  /** Since the start, of user and system. */
  readonly cpuSeconds: number;
}

export type ReadProcessUsage = () => ProcessUsage;

/** A file that asks the worker to poll: the command line has no other way to reach it. */
export interface PollRequestFile {
  /** Deletes the file. Resolves to whether there was one, and never rejects. */
  take(): Promise<boolean>;
}

/** A file of the log folder that the worker replaces as a whole. */
export interface ReplacedFile {
  /**
   * Replaces the file atomically. If another program holds it, tries again for up to `maxWaitMs`
   * (default: 5 s), or until there is a newer text. Resolves to whether the file has this text or a
   * newer one. Never rejects: a full or read-only disk costs only the file.
   */
  write(text: string, maxWaitMs?: number): Promise<boolean>;
}

/** A file of the log folder that exists only while what it describes does. */
export interface TemporaryFile extends ReplacedFile {
  /** Removes the file, also one that is being written. Never rejects. */
  remove(): Promise<void>;
}

/** The file in which the worker keeps what it has learned of Webex, for its next start. */
export interface LearnedFile extends ReplacedFile {
  /**
   * Resolves to the text, or null if there is no file. Rejects with an `Error` whose message
   * continues "the file "; a disk that does not respond can take forever.
   */
  read(): Promise<string | null>;
}
