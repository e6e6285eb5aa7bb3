import { RAL } from "vscode-jsonrpc";

/** Messages handled before other events get their turn. */
const MESSAGES_PER_TURN = 64;

const queue: (() => void)[] = [];
let scheduled = false;

/**
 * Gives vscode-jsonrpc's common half what it needs of a runtime. Loading `vscode-jsonrpc/node` instead would cost the first answer
 * about 10 ms (net, crypto, os and readers that we replace), and it hands out one message each turn of the event loop: a batch
 * of requests is answered in one write only if it is handled in one turn. Where that one is loaded (a host and a worker
 * in one process, as in tests), its buffers and encoders stay.
 */
export function installRuntimeLayer(): void {
  // Of our own, only what our reader and writer leave to the library: buffers, encoders and streams belong to its own.
  const current =
    currentRuntime() ??
    ({
      console,
      timer: { setTimeout: setTimer, setInterval: setRepeatingTimer },
    } as unknown as RAL);
  if (current.timer.setImmediate !== queueTask)
    RAL.install({ ...current, timer: { ...current.timer, setImmediate: queueTask } });
}

function currentRuntime(): RAL | null {
  try {
    return RAL();
  } catch {
    return null;
  }
}

function queueTask(callback: () => void): { dispose(): void } {
  queue.push(callback);
  if (!scheduled) {
    scheduled = true;
    setImmediate(runTurn);
  }
  return {
    dispose: () => {
      const index = queue.indexOf(callback);
      if (index >= 0) queue.splice(index, 1);
    },
  };
}

function runTurn(): void {
  for (let handled = 0; handled < MESSAGES_PER_TURN; handled += 1) queue.shift()?.();
  scheduled = queue.length > 0;
  if (scheduled) setImmediate(runTurn);
}

function setTimer(callback: () => void, ms: number): { dispose(): void } {
  const timer = setTimeout(callback, ms);
  return { dispose: () => clearTimeout(timer) };
}

function setRepeatingTimer(callback: () => void, ms: number): { dispose(): void } {
  const timer = setInterval(callback, ms);
  return { dispose: () => clearInterval(timer) };
}
