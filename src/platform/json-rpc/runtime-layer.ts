import { RAL } from "vscode-jsonrpc";

/** Messages handled before other events get their turn. */
const MESSAGES_A_TURN = 64;

const queue: (() => void)[] = [];
let scheduled = false;

/**
 * Gives vscode-jsonrpc's common half what it needs of a runtime, unless `vscode-jsonrpc/node` did already. Loading that one costs
 * the first answer about 10 ms (net, crypto, os and readers that we replace), and it hands out one message each turn of
 * the event loop: a batch of requests is answered in one write only if it is handled in one turn.
 */
export function installRuntimeLayer(): void {
  try {
    RAL();
  } catch {
    // Buffers, encoders and streams belong to the library's own reader and writer, which are not used.
    RAL.install({ console, timer: { setTimeout: later, setInterval: repeatedly, setImmediate: soon } } as unknown as RAL);
  }
}

function soon(callback: () => void): { dispose(): void } {
  queue.push(callback);
  if (!scheduled) {
    scheduled = true;
    setImmediate(runTurn);
  }
  return {
    dispose: () => {
      const at = queue.indexOf(callback);
      if (at >= 0) queue.splice(at, 1);
    },
  };
}

function runTurn(): void {
  for (let handled = 0; handled < MESSAGES_A_TURN; handled += 1) queue.shift()?.();
  scheduled = queue.length > 0;
  if (scheduled) setImmediate(runTurn);
}

function later(callback: () => void, ms: number): { dispose(): void } {
  const timer = setTimeout(callback, ms);
  return { dispose: () => clearTimeout(timer) };
}

function repeatedly(callback: () => void, ms: number): { dispose(): void } {
  const timer = setInterval(callback, ms);
  return { dispose: () => clearInterval(timer) };
}
