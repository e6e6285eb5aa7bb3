import type { WorkerPorts } from "../worker/worker-ports.js";

const nothing = (): void => undefined;

/** A command says itself what its reader should know; the log belongs to the worker. */
export const quietLog: WorkerPorts["log"] = {
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  setLevel: nothing,
  close: () => Promise.resolve(),
};
