import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import sinon from "sinon";

import { WinstonLog } from "../../src/platform/winston-log.js";

const CLOSE_LIMIT_MS = 5_000;

/**
 * A temporary folder, and a log whose clock a test can put forward: the log leaves a file alone for
 * seconds after it has looked at it, or has failed to open it.
 */
export class LogFixture {
  readonly folder: string;
  /** What the log has written to stderr. */
  stderrText = "";
  #passedNs = 0n;
  #log: WinstonLog | null = null;

  private constructor(folder: string) {
    this.folder = folder;
    const now = process.hrtime.bigint.bind(process.hrtime);
    sinon.stub(process.hrtime, "bigint").callsFake(() => now() + this.#passedNs);
  }

  static async create(): Promise<LogFixture> {
    return new LogFixture(await mkdtemp(join(tmpdir(), "ucx-log-")));
  }

  open(directory: string, maxFileBytes?: number): WinstonLog {
    const stderr = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.stderrText += chunk.toString();
        done();
      },
    });
    this.#log = new WinstonLog(directory, "info", {
      stderr,
      ...(maxFileBytes !== undefined && { maxFileBytes }),
    });
    return this.#log;
  }

  pass(nanoseconds: bigint): void {
    this.#passedNs += nanoseconds;
  }

  /** How often stderr has a text. */
  count(text: string): number {
    return this.stderrText.split(text).length - 1;
  }

  /** Closes the log and removes the folder. */
  async remove(): Promise<void> {
    sinon.restore();
    await this.#log?.close(CLOSE_LIMIT_MS);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** The text of a file; empty if it cannot be read. */
export function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
