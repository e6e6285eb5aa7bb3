import { readFileSync } from "node:fs";

/** In MB of 10^6 bytes. */
export interface ProcessMemory {
  /** All that is resident, the pages of the mapped Node binary included. */
  readonly totalMB: number;
  /** What belongs to no file: heap, buffers, stacks. */
  readonly ownMB: number;
}

/** From Linux's account of the process (proc(5)); a system without one cannot run this bench. */
export function memoryOf(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const megabytes = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024) / 1e6;
  return { totalMB: megabytes("VmRSS"), ownMB: megabytes("RssAnon") };
}
