import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in ticks of this many a second (USER_HZ, proc(5)). */
const TICKS_PER_SECOND = 100;

export interface ProcessUsage {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Processor time of all threads so far. */
  readonly cpuMs: number;
  readonly residentBytes: number;
  /** The most memory that was ever resident. */
  readonly peakResidentBytes: number;
  readonly descriptors: number;
  readonly threads: number;
}

/** Reads what a process uses from /proc (Linux), or null if there is no such process. */
export function processUsage(pid: number): ProcessUsage | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc(5): utime and stime are the fields 14 and 15; the name, field 2, may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const kilobytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
    return {
      at: performance.now(),
      cpuMs: ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000,
      residentBytes: kilobytes("VmRSS"),
      peakResidentBytes: kilobytes("VmHWM"),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    };
  } catch {
    return null;
  }
}

/** The share of one processor that was used between two readings: 0.05 is five percent. */
export function cpuShare(before: ProcessUsage, after: ProcessUsage): number {
  return (after.cpuMs - before.cpuMs) / (after.at - before.at);
}
