import { open } from "node:fs/promises";
import { join } from "node:path";

import { readStatusFile } from "./status-file-reader.js";
import { logDirectoryFor, statusFileIn } from "./surroundings.js";

const LAST_BYTES = 512 * 1024;

/** What to do when the authorization page's port is taken: most often the running worker has its own page open there. */
export async function portHeldHint(port: number): Promise<string> {
  const folder = logDirectoryFor(null);
  const reading = await readStatusFile(statusFileIn(folder));
  const device = "or authorize with a code instead: ucx-webex-presence authorize --device";
  if (!reading.running) {
    return `Another program holds the port; if it is a worker of another account, its own page is open there (the address is in its worker.log). Free the port, or set WebexPresence.RedirectPort and register that redirect URI with the integration, ${device}`;
  }
  const log = join(folder, "worker.log");
  const page = pageIn(await endOf(log), port);
  const where = page === null ? `its address is in ${log}` : `open it in a browser on this machine: ${page}`;
  return `The running worker (process ${reading.status.pid}) keeps its own authorization page open on this port; ${where} – ${device}`;
}

/** The address that the worker has logged last for this port, or null. */
export function pageIn(log: string, port: number): string | null {
  return log.match(new RegExp(`http://localhost:${port}/\\?key=[\\w-]+`, "g"))?.at(-1) ?? null;
}

async function endOf(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const length = Math.min(size, LAST_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return "";
  }
}
