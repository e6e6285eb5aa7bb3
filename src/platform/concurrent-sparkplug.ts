/** Node.js 22 and earlier compile baseline code in the main thread. */
const LAST_VERSION_WITHOUT = 22;

/**
 * Makes V8 compile baseline code in the main thread from now on. Node.js 24 has a thread for it,
 * which may be waiting for the main thread at exit, while that waits for the thread: the process
 * hangs, and only SIGKILL ends it (docs/decisions/0040-no-concurrent-sparkplug.md). Call it before
 * anything else. V8 accepts the code cache with and without it.
 */
export function disableConcurrentSparkplug(): void {
  if (Number.parseInt(process.versions.node, 10) <= LAST_VERSION_WITHOUT) return;
  process.getBuiltinModule("node:v8").setFlagsFromString("--no-concurrent-sparkplug");
}
