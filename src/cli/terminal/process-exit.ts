import { isatty } from "node:tty";

const STANDARD_STREAMS = [0, 1, 2].filter((descriptor) => isatty(descriptor));

/**
 * Exits the process. If its terminal was closed, ends it as SIGHUP does, since Node.js cannot exit
 * without the terminal that it was launched in: it aborts and leaves a core dump
 * (https://github.com/nodejs/node/issues/51519).
 */
export function exitProcess(code: number): void {
  const isTerminalClosed = STANDARD_STREAMS.some((descriptor) => !isatty(descriptor));
  if (isTerminalClosed && process.platform !== "win32") {
    process.removeAllListeners("SIGHUP");
    process.kill(process.pid, "SIGHUP");
  }
  process.exit(code);
}
