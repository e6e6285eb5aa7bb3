import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What Linux tells in /proc of a process and of those that it has started. */
export interface ProcessView {
  readonly pid: number;
  readonly commandLine: string;
  readonly environment: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** The processes below `root`, and `root` itself unless `isWithRoot` is false. */
export function processTree(root: number, isWithRoot = true): ProcessView[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // The name of the program is in brackets and may contain some, too.
    const parent = Number(
      read(`/proc/${name}/stat`)
        .replace(/^.*\) \S /s, "")
        .split(" ")[0],
    );
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = isWithRoot ? [root] : [...(children.get(root) ?? [])];
  for (const pid of found)
    for (const child of children.get(pid) ?? []) if (!found.includes(child)) found.push(child);
  return found.map((pid) => ({
    pid,
    commandLine: read(`/proc/${pid}/cmdline`),
    environment: read(`/proc/${pid}/environ`),
  }));
}

/** The processes that a process has started. proc(5): /proc/pid/task/tid/children. */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").map(Number).filter(Boolean);
}

/** The TCP ports on which a process listens. */
export function listeningPorts(pid: number): number[] {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed meanwhile.
    }
  }
  return ["tcp", "tcp6"].flatMap((name) =>
    read(`/proc/net/${name}`)
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, ...rest]) => state === "0A" && inodes.has(rest[5] ?? ""))
      .map(([, local = ""]) => Number.parseInt(local.split(":").at(-1) ?? "", 16)),
  );
}

/** Whether a process catches SIGUSR1. */
export function catchesUserSignal(pid: number): boolean {
  const [, mask = "0"] = /^SigCgt:\t([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return (BigInt(`0x${mask}`) & 0x200n) !== 0n;
}
