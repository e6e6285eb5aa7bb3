import type { Disposer } from "../faults/emitter.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/http.js";
import type { Clock } from "../ports/clock.js";

/** An administrator may copy the file after naming it in the settings. */
const RETRY_MS = 10_000;

/** Reads the certificate file that the settings name, and retries until it is valid. */
export class CertificateLoader {
  readonly #readCertificates: ReadCertificates;
  readonly #clock: Clock;
  readonly #onLoaded: () => void;
  #path: string | null = null;
  #result: CertificateFileResult | null = null;
  #cancelRetry: Disposer | null = null;

  /** `onLoaded` is called when the result has changed. */
  constructor(read: ReadCertificates, clock: Clock, onLoaded: () => void) {
    this.#readCertificates = read;
    this.#clock = clock;
    this.#onLoaded = onLoaded;
  }

  /** Returns the result for the file, or null while it is being read. Replaces any other file. */
  load(path: string): CertificateFileResult | null {
    if (path !== this.#path) {
      this.reset();
      this.#path = path;
      void this.#loadFile(path);
    }
    return this.#result;
  }

  reset(): void {
    this.#path = null;
    this.#result = null;
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }

  async #loadFile(path: string): Promise<void> {
    const result = await this.#readCertificates(path);
    if (path !== this.#path) return;
    const previous = this.#result;
    this.#result = result;
    this.#cancelRetry?.();
    this.#cancelRetry = result.ok
      ? null
      : this.#clock.schedule(RETRY_MS, () => void this.#loadFile(path));
    const isNew =
      previous === null || result.ok || previous.ok || previous.reason !== result.reason;
    if (isNew) this.#onLoaded();
  }
}
