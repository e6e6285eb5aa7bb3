import type { Readable } from "node:stream";

const stops = new WeakMap<Readable, Set<object>>();

/**
 * Stops reading a stream for one of several that may want that at the same time. A stream's own
 * `pause` and `resume` do not count: who resumed first would resume for all. Does nothing if nobody
 * reads the stream, or if it was paused by other means.
 */
export function stopReading(stream: Readable, owner: object): void {
  const owners = stops.get(stream) ?? new Set();
  stops.set(stream, owners);
  if (owners.size === 0) {
    if (stream.readableFlowing !== true) return;
    stream.pause();
  }
  owners.add(owner);
}

/** Reads on, if nobody else has stopped it. Does nothing if `owner` has not. */
export function continueReading(stream: Readable, owner: object): void {
  const owners = stops.get(stream);
  if (owners?.delete(owner) && owners.size === 0) stream.resume();
}
