import type { Disposer } from "../faults/emitter.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/certificates.js";
import type { Clock } from "../ports/clock.js";

/** A file that cannot be used is looked at again after this long: it may be copied there later than its name. */
const RETRY_MS = 10_000;

/** What is known of the one file of certificates that the settings name, while it is not in force. */
export class CertificateLoader {
  readonly #readCertificates: ReadCertificates;
  readonly #clock: Clock;
  readonly #onLoaded: () => void;
  #path: string | null = null;
  #result: CertificateFileResult | null = null;
  #cancelRetry: Disposer | null = null;

  /** `onNews` is called when more is known of the file. */
  constructor(read: ReadCertificates, clock: Clock, onLoaded: () => void) {
    this.#readCertificates = read;
    this.#clock = clock;
    this.#onLoaded = onLoaded;
  }

  /** What the file holds; null while that is being found out. From now on this one counts, and no other. */
  load(path: string): CertificateFileResult | null {
    if (path !== this.#path) {
      this.reset();
      this.#path = path;
      void this.#loadFile(path);
    }
    return this.#result;
  }

  /** No file counts. */
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
    if (result.ok || previous === null || previous.ok || previous.reason !== result.reason)
      this.#onLoaded();
  }
}
