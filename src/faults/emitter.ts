/**
 * Undoes what returned it: ends a subscription, cancels a timer, stops what was started.
 * Idempotent.
 */
export type Disposer = () => void;

/** `Events` maps each event's name, a past participle, to its payload (`undefined`: none). */
export interface Subscribable<Events> {
  on<Name extends keyof Events>(event: Name, listener: (payload: Events[Name]) => void): Disposer;
}

/**
 * The one way in which components publish events. Listeners are called synchronously, in the order
 * of subscription. If one throws, the others are still called; `emit` then rethrows the first
 * error.
 */
export class Emitter<Events> implements Subscribable<Events> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  on<Name extends keyof Events>(event: Name, listener: (payload: Events[Name]) => void): Disposer {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Wrapped, so that a listener that subscribes twice is called twice.
    const subscription = (payload: Events[Name]): void => {
      listener(payload);
    };
    listeners.add(subscription);
    return () => {
      listeners.delete(subscription);
    };
  }

  emit<Name extends keyof Events>(
    event: Name,
    ...args: Events[Name] extends undefined ? [] : [Events[Name]]
  ): void {
    const listeners = [...(this.#listeners.get(event) ?? [])] as unknown as ((
      ...payload: typeof args
    ) => void)[];
    let failure: { readonly error: unknown } | null = null;
    for (const listener of listeners) {
      try {
        listener(...args);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== null) throw failure.error;
  }
}
