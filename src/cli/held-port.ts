import { open } from "node:fs/promises";
import { join } from "node:path";

import { readStatusFile } from "./status-file-reader.js";
import { logDirectoryFor, statusFilePath } from "./worker-files.js";

const TAIL_BYTES = 512 * 1024;

/** What to do when the authorization page's port is taken: most often the running worker has its own page open there. */
export async function portInUseHint(port: number): Promise<string> {
  const folder = logDirectoryFor(null);
  const reading = await readStatusFile(statusFilePath(folder));
  const device = "or authorize with a code instead: ucx-webex-presence authorize --device";
  if (!reading.running) {
    return `Another program holds the port; if it is a worker of another account, its own page is open there (the address is in its worker.log). Free the port, or set WebexPresence.RedirectPort and register that redirect URI with the integration, ${device}`;
  }
  const log = join(folder, "worker.log");
  const pageUrl = findPageUrl(await readTail(log), port);
  const pageHint =
    pageUrl === null
      ? `its address is in ${log}`
      : `open it in a browser on this machine: ${pageUrl}`;
  return `The running worker (process ${reading.status.pid}) keeps its own authorization page open on this port; ${pageHint} – ${device}`;
}

/** The address that the worker has logged last for this port, or null. */
export function findPageUrl(log: string, port: number): string | null {
  return log.match(new RegExp(`http://localhost:${port}/\\?key=[\\w-]+`, "g"))?.at(-1) ?? null;
}

async function readTail(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return "";
  }
}
