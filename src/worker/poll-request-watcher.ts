import type { Disposer, Subscribable } from "../faults/emitter.js";
import { isRefusal } from "../faults/problem-catalog.js";
import type { Clock } from "../ports/clock.js";
import type { PollRequestFile } from "../ports/process.js";
import type { Problem } from "../supervisor/status.js";

export interface PollRequestWatcherOptions {
  readonly problems: {
    readonly events: Subscribable<{ readonly problemsChanged: undefined }>;
    list(): readonly Problem[];
  };
  readonly file: PollRequestFile;
  /** Polls all organizations now. */
  readonly poll: () => void;
  readonly clock: Clock;
}

const INTERVAL_MS = 2_000;

/**
 * While Webex refuses an organization, looks for a file by which `doctor` asks for a retry, because
 * it has found that Webex accepts the organization again.
 */
export class PollRequestWatcher {
  readonly #options: PollRequestWatcherOptions;
  #unsubscribe: Disposer | null = null;
  #cancelTimer: Disposer | null = null;
  #isChecking = false;

  constructor(options: PollRequestWatcherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe ??= this.#options.problems.events.on("problemsChanged", () => this.#update());
    this.#update();
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #update(): void {
    const isNeeded = this.#options.problems.list().some(isRefusal);
    if (!isNeeded) {
      this.#cancelTimer?.();
      this.#cancelTimer = null;
    } else if (!this.#isChecking) {
      this.#cancelTimer ??= this.#options.clock.schedule(INTERVAL_MS, () => void this.#check());
    }
  }

  /** One check at a time: each one on a disk that does not respond would occupy a thread. */
  async #check(): Promise<void> {
    this.#cancelTimer = null;
    this.#isChecking = true;
    const isRequested = await this.#options.file.take();
    this.#isChecking = false;
    if (this.#unsubscribe === null) return;
    if (isRequested) this.#options.poll();
    this.#update();
  }
}
