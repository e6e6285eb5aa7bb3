export type Disposer = () => void;

/**
 * A stage's way to be heard without knowing who listens. Listeners are called in the order they came, synchronously; one that
 * throws does not keep the others from hearing, and its error goes to the caller of `emit` once all have heard.
 */
export class Feed<T> {
  readonly #listeners = new Set<(value: T) => void>();

  subscribe(listener: (value: T) => void): Disposer {
    const own = (value: T): void => {
      listener(value);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  emit(value: T): void {
    let failure: { error: unknown } | null = null;
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== null) throw failure.error;
  }
}
