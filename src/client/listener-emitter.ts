import { Emitter } from "../faults/emitter.js";

/**
 * Publishes events to the host's listeners. What one throws becomes an uncaught exception of the
 * host, as with the event emitter of Node.js, but does not keep the client from its own work.
 */
export class ListenerEmitter<Events> extends Emitter<Events> {
  override emit<Name extends keyof Events>(
    event: Name,
    ...args: Events[Name] extends undefined ? [] : [Events[Name]]
  ): void {
    try {
      super.emit(event, ...args);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
