import type { WorkerPorts } from "../worker/components.js";

const noop = (): void => undefined;

/** A command says itself what its reader should know; the log belongs to the worker. */
export const silentLogger: WorkerPorts["log"] = {
  error: noop,
  warn: noop,
  info: noop,
  debug: noop,
  setLevel: noop,
  close: () => Promise.resolve(),
};
