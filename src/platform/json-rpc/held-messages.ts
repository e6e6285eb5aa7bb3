/** Messages handled before the event loop continues. */
export const MESSAGES_PER_TURN = 64;

interface HeldMessage {
  readonly method: string | null;
  handle(): void;
}

/**
 * Messages that wait because the peer does not read the answers, in the order of their arrival.
 * Handled all at once, they would fill the memory as soon as the peer reads a little.
 */
export class HeldMessages {
  readonly #mayHandle: () => boolean;
  readonly #onEmpty: () => void;
  #messages: HeldMessage[] = [];
  /** Those before are handled: to remove each at once would take quadratic time. */
  #next = 0;
  #isScheduled = false;

  /** `onEmpty` is called when `release` has left no message. */
  constructor(mayHandle: () => boolean, onEmpty: () => void) {
    this.#mayHandle = mayHandle;
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#next === this.#messages.length;
  }

  add(method: string | null, handle: () => void): void {
    this.#messages.push({ method, handle });
  }

  /** Handles the messages of a method before all others. */
  handleFirst(method: string): void {
    const waiting = this.#messages.slice(this.#next);
    this.#messages = waiting.filter((message) => message.method !== method);
    this.#next = 0;
    for (const message of waiting) if (message.method === method) message.handle();
  }

  /** Handles the messages turn by turn, for as long as `mayHandle` allows. */
  release(): void {
    if (this.#isScheduled) return;
    if (this.isEmpty) {
      this.#onEmpty();
    } else if (this.#mayHandle()) {
      this.#isScheduled = true;
      setImmediate(() => void this.#runTurn());
    }
  }

  clear(): void {
    this.#messages = [];
    this.#next = 0;
  }

  async #runTurn(): Promise<void> {
    for (let handled = 0; handled < MESSAGES_PER_TURN && this.#mayHandle(); handled += 1) {
      const message = this.#messages[this.#next];
      if (message === undefined) break;
      this.#next += 1;
      message.handle();
      await answerWritten();
    }
    this.#messages.splice(0, this.#next);
    this.#next = 0;
    this.#isScheduled = false;
    this.release();
  }
}

/**
 * vscode-jsonrpc writes the answer that a handler has returned one microtask later. Whoever waits
 * for that before the next message knows how much is unsent, and what is written in one tick still
 * makes one write.
 */
export async function answerWritten(): Promise<void> {
  await Promise.resolve();
}
