import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LIBRARIES = ["x86_64", "aarch64"].map(
  (processor) => `/usr/lib/${processor}-linux-gnu/faketime/libfaketimeMT.so.1`,
);

/** Why this machine cannot set the clock of one process; null if it can. */
export function whyNoFakedClock(): string | null {
  if (process.platform !== "linux") return "libfaketime is used on Linux only";
  const isInstalled = LIBRARIES.some((path) => existsSync(path));
  return isInstalled ? null : "libfaketime is not installed (Debian package: faketime)";
}

/** The wall clock of the processes that run with `env`: the real one plus an offset. */
export class FakedClock {
  readonly #folder = mkdtempSync(join(tmpdir(), "ucx-clock-"));
  readonly env: Readonly<Record<string, string>>;

  constructor() {
    this.setOffset(0);
    this.env = {
      LD_PRELOAD: LIBRARIES.find((path) => existsSync(path)) ?? "",
      FAKETIME_TIMESTAMP_FILE: this.#path,
      // The monotonic clock stays real, as it does when somebody sets the time.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_NO_CACHE: "1",
    };
  }

  get #path(): string {
    return join(this.#folder, "offset");
  }

  setOffset(ms: number): void {
    // libfaketime may read at any moment.
    writeFileSync(`${this.#path}.new`, `${ms < 0 ? "-" : "+"}${Math.abs(ms) / 1000}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
