import type { Disposer } from "../faults/emitter.js";
import type { CertificateReading, ReadCertificates } from "../ports/certificates.js";
import type { Clock } from "../ports/clock.js";

/** A file that cannot be used is looked at again after this long: it may be copied there later than its name. */
const LOOK_AGAIN_MS = 10_000;

/** What is known of the one file of certificates that the settings name, while it is not in force. */
export class NamedCertificates {
  readonly #read: ReadCertificates;
  readonly #clock: Clock;
  readonly #onNews: () => void;
  #path: string | null = null;
  #known: CertificateReading | null = null;
  #callOffNextLook: Disposer | null = null;

  /** `onNews` is called when more is known of the file. */
  constructor(read: ReadCertificates, clock: Clock, onNews: () => void) {
    this.#read = read;
    this.#clock = clock;
    this.#onNews = onNews;
  }

  /** What the file holds; null while that is being found out. From now on this one counts, and no other. */
  look(path: string): CertificateReading | null {
    if (path !== this.#path) {
      this.forget();
      this.#path = path;
      void this.#examine(path);
    }
    return this.#known;
  }

  /** No file counts. */
  forget(): void {
    this.#path = null;
    this.#known = null;
    this.#callOffNextLook?.();
    this.#callOffNextLook = null;
  }

  async #examine(path: string): Promise<void> {
    const reading = await this.#read(path);
    if (path !== this.#path) return;
    const before = this.#known;
    this.#known = reading;
    this.#callOffNextLook?.();
    this.#callOffNextLook = reading.ok ? null : this.#clock.timer(LOOK_AGAIN_MS, () => void this.#examine(path));
    if (reading.ok || before === null || before.ok || before.complaint !== reading.complaint) this.#onNews();
  }
}
