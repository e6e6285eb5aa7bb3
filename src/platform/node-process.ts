import { readFileSync } from "node:fs";
import { userInfo } from "node:os";

import type { Disposer } from "../faults/emitter.js";
import type { ProcessPort } from "../ports/process.js";

const PROBE_INTERVAL_MS = 1_000;

const PLATFORM: Readonly<Record<string, ProcessPort["platform"]>> = {
  win32: "windows",
  darwin: "macos",
};

export const nodeProcess: ProcessPort = {
  pid: process.pid,
  account: accountName(),
  platform: PLATFORM[process.platform] ?? "linux",
  onExit(pid: number, listener: () => void): Disposer {
    const probe = (): void => {
      if (isAlive(pid)) return;
      clearInterval(timer);
      listener();
    };
    const timer = setInterval(probe, PROBE_INTERVAL_MS);
    timer.unref();
    const firstProbe = setImmediate(probe);
    return () => {
      clearInterval(timer);
      clearImmediate(firstProbe);
    };
  },
};

/** Whether a process is there: signal 0 reaches it, or it belongs to somebody else (EPERM). A zombie is gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !isZombie(pid);
}

/** Linux keeps the entry of a dead process until its parent has asked for the exit code (proc(5): state follows the name). */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "latin1");
    return /^[ZX]$/.test(line.charAt(line.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** `DOMAIN\user` on Windows, where services run under accounts of their own; the login name elsewhere. */
function accountName(): string {
  const { USERDOMAIN: domain, USERNAME: user } = process.env;
  if (process.platform === "win32" && user !== undefined)
    return domain === undefined ? user : `${domain}\\${user}`;
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
