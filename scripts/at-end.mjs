// Removes what a program has made for itself, however the program ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** By signal, the exit code that shells give a program that it ended. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
const waiting = [];
let isListening = false;

/**
 * Has a synchronous function called once: when this process ends, by a signal too, or before that
 * by the function that is returned. What was made last is removed first.
 *
 * @param {() => void} remove
 * @returns {() => void}
 */
export function atEnd(remove) {
  listen();
  const once = () => {
    const index = waiting.indexOf(once);
    if (index === -1) return;
    waiting.splice(index, 1);
    remove();
  };
  waiting.push(once);
  return once;
}

function listen() {
  if (isListening) return;
  isListening = true;
  process.once("exit", () => {
    while (waiting.length > 0) waiting.at(-1)();
  });
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.once(signal, () => process.exit(code));
  }
}

/**
 * Makes a temporary folder, which is removed at the end at the latest.
 *
 * @param {string} prefix Of its name.
 * @returns {{ folder: string, remove: () => void }}
 */
export function temporaryFolder(prefix) {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  // A child process that has got the same signal may still be writing.
  const options = { recursive: true, force: true, maxRetries: 5 };
  return { folder, remove: atEnd(() => rmSync(folder, options)) };
}
