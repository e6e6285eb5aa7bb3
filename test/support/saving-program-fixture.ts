import { spawn } from "node:child_process";
import { once } from "node:events";

/** How a program saves a file that is there already. */
export type SaveMethod =
  | "writes a new file beside it and renames it over the old"
  | "writes a new file elsewhere and renames it over the old"
  | "empties the file and writes it"
  | "writes a new file, deletes the old, and renames"
  | "keeps the old as a backup";

export interface Save {
  readonly method: SaveMethod;
  /** Between the two steps of the method. */
  readonly pauseMs: number;
  /** Before the next save. */
  readonly gapMs: number;
}

/** What the file contains after the save number `index`. */
export const savedText = (index: number): string =>
  `; ${index}\r\nWebexPresence.Enable=1\r\n${"; filler\r\n".repeat(200)}`;

export interface SavingResult {
  /** One line for each step that the system refused. */
  readonly failures: readonly string[];
}

/** It does not try a refused step again, like most programs. */
const PROGRAM = `
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
const [path, saves] = JSON.parse(process.argv[1]);
const savedText = ${savedText.toString()};
const pause = (ms) => {
  // A timer of Windows is too coarse for a few milliseconds.
  const end = performance.now() + ms;
  if (ms > 5) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms - 1);
  while (performance.now() < end);
};
const elsewhere = path + ".elsewhere";
mkdirSync(elsewhere, { recursive: true });
const methods = {
  "writes a new file beside it and renames it over the old": (text, ms) => {
    writeFileSync(path + ".tmp", text);
    pause(ms);
    renameSync(path + ".tmp", path);
  },
  "writes a new file elsewhere and renames it over the old": (text, ms) => {
    writeFileSync(elsewhere + "/new", text);
    pause(ms);
    renameSync(elsewhere + "/new", path);
  },
  "empties the file and writes it": (text, ms) => {
    writeFileSync(path, "");
    pause(ms);
    writeFileSync(path, text);
  },
  "writes a new file, deletes the old, and renames": (text, ms) => {
    writeFileSync(path + ".tmp", text);
    pause(ms);
    rmSync(path, { force: true });
    renameSync(path + ".tmp", path);
  },
  "keeps the old as a backup": (text, ms) => {
    writeFileSync(path + ".tmp", text);
    pause(ms);
    rmSync(path + ".bak", { force: true });
    renameSync(path, path + ".bak");
    renameSync(path + ".tmp", path);
  },
};
// Looks at a folder in which nothing happens meet the first save by chance, if rarely.
writeFileSync(path + ".first", "");
pause(50);
const failures = [];
for (const [index, { method, pauseMs, gapMs }] of saves.entries()) {
  const text = savedText(index);
  try {
    methods[method](text, pauseMs);
  } catch (error) {
    failures.push(error.code + " " + error.syscall + " after " + pauseMs + " ms in save " + index);
    // The next save starts from a file that is there.
    for (;;) try { writeFileSync(path, text); break; } catch {}
  }
  pause(gapMs);
}
process.stdout.write(JSON.stringify({ failures }));
`;

/** Runs a program that saves the file at `path`, one save after the other. */
export async function runSavingProgram(
  path: string,
  saves: readonly Save[],
): Promise<SavingResult> {
  const args = ["--input-type=module", "-e", PROGRAM, JSON.stringify([path, saves])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(child, "close");
  return JSON.parse(output) as SavingResult;
}
