/** Options with which somebody asks for a debugger, or loads code that may open one. */
const ASKS_FOR_DEBUGGER = /(^|\s)(--inspect(-brk|-wait)?|--require|-r|--import)(=|\s|$)/;
/**
 * Node.js opens the port from other threads, which a busy machine delays, and the first answer to
 * the host does not wait.
 */
const CHECK_DELAYS_MS = [100, 1_000, 5_000];

/**
 * Keeps SIGUSR1 from opening Node's debugger, through which every account of this machine could
 * read the memory of this process: Node.js opens it unless somebody listens. If the signal came
 * before this call, the port is closed again. Call it before anything else. `onSignal` is called
 * for each later signal. Windows has no signals.
 */
export function refuseDebugger(onSignal: () => void = () => undefined): void {
  if (process.platform === "win32") return;
  process.on("SIGUSR1", onSignal);
  const options = [process.env.NODE_OPTIONS ?? "", ...process.execArgv].join(" ");
  // A Node.js built without an inspector has no such module.
  if (!process.features.inspector || ASKS_FOR_DEBUGGER.test(options)) return;
  const closePort = (): void => {
    const inspector = process.getBuiltinModule("node:inspector");
    if (inspector.url() !== undefined) inspector.close();
  };
  // After a long start, timers come before the event that opens the port; immediates follow it.
  for (const delayMs of CHECK_DELAYS_MS) setTimeout(() => setImmediate(closePort), delayMs).unref();
}
