import { lstat } from "node:fs/promises";

import { Fault } from "../faults/fault.js";
import type { Pseudonymizer } from "../faults/pseudonymizer.js";
import { bytesContainSecret } from "../faults/secret-search.js";
import type { Secret } from "../faults/secret.js";
import { resolvePath } from "../platform/node-process.js";
import { ZipFile } from "../platform/zip-file.js";
import type { CommandContext, ExitCode } from "./command.js";
import { collectContent, type BundleContent } from "./support-bundle-content.js";
import {
  findLastLine,
  LogFolder,
  LOG_LIMITS,
  readLines,
  type LogText,
} from "./support-bundle-log.js";
import { formatBytes, readmeText, replacementsText } from "./support-bundle-readme.js";
import { UsageError } from "./terminal/input.js";
import { formatDateTime } from "./terminal/text.js";
import { workerFiles } from "./worker-files.js";

/** A command that takes longer shows what it does. */
const PROGRESS_AFTER_MS = 1_000;
const PROGRESS_INTERVAL_MS = 250;
const LEFT_OUT = "[a line was left out, because it contained a secret]";

/** One file of the archive. */
interface BundleFile {
  readonly name: string;
  readonly text: string | AsyncIterable<string>;
}

/**
 * Writes a zip for support: logs, status, settings, findings of `doctor`, versions. It works with a
 * worker that runs or not, and without settings, keychain or network. A file that cannot be written
 * completely is removed.
 */
export async function supportBundle(context: CommandContext): Promise<ExitCode> {
  const { console, options, signal } = context;
  if (options.out === "")
    throw new UsageError("--out names no file.", "Pass one, or leave the option out.");
  const path = resolvePath(options.out ?? defaultName(new Date()));
  if (path === null) {
    throw new UsageError(
      "The current folder does not exist any more.",
      "Pass an absolute path: --out <file>",
    );
  }
  const progress = startProgress(context);
  const log = await LogFolder.open(workerFiles(options.logDir)?.folder ?? null);
  let zip: ZipFile | null = null;
  try {
    // Before anything that takes long.
    zip = await ZipFile.create(path);
    const content = await collectContent(context, progress.show);
    const files = await writeFiles(zip, content, log, (step) => {
      if (signal.aborted) throw cancelled();
      progress.show(step);
    });
    await zip.finish();
    const { counts } = content.pseudonymizer;
    progress.stop();
    console.text(`Wrote ${path} (${formatBytes(zip.size)}).`);
    console.text(
      "Secrets, and the names and addresses of persons, are replaced in it; README.txt in it says what else is. Look at it before you send it to support.",
    );
    return console.result({
      ok: true,
      path,
      bytes: zip.size,
      files,
      replaced: Object.fromEntries(counts),
    });
  } catch (error) {
    await zip?.discard();
    // That of doctor speaks of its checks.
    if (signal.aborted) throw cancelled();
    throw error instanceof Fault ? error : await writeFault(error, path);
  } finally {
    progress.stop();
    await log.close();
  }
}

function cancelled(): Fault {
  return new Fault("cancelled", "Cancelled. No file was written.");
}

function defaultName(now: Date): string {
  const [date = ""] = formatDateTime(now.toISOString()).split(" ");
  return `ucx-webex-presence-support-${date}.zip`;
}

/** Returns the names of the files, in their order. */
async function writeFiles(
  zip: ZipFile,
  content: BundleContent,
  log: LogFolder,
  onStep: (step: string) => void,
): Promise<string[]> {
  const { pseudonymizer, secrets } = content;
  const { lastStart, older, hasStart } = await log.divide(LOG_LIMITS);
  const lastProblem = lastStart === null ? null : await findProblemRecord(lastStart);
  const readme = readmeText({
    content,
    lastRecord: lastProblem === null ? null : redactLine(lastProblem, pseudonymizer),
    lastStart,
    hasStart,
    older,
    unreadable: log.unreadable,
  });
  const logFile = (text: LogText): BundleFile => ({
    name: `log/${text.name}`,
    text: redactedLog(text, pseudonymizer, onStep),
  });
  const files: BundleFile[] = [
    { name: "README.txt", text: readme },
    ...(lastStart === null ? [] : [logFile(lastStart)]),
    ...content.files,
    ...older.map(logFile),
  ];
  const names: string[] = [];
  for (const { name, text } of files) {
    onStep(name);
    await zip.add(name, guarded(text, secrets));
    names.push(name);
  }
  // Known only now.
  await zip.add("replacements.txt", replacementsText(pseudonymizer.counts));
  return [...names, "replacements.txt"];
}

/** The last record of the log that is an error, or else a warning. */
async function findProblemRecord(text: LogText): Promise<string | null> {
  return (
    (await findLastLine(text, '"level":"error"')) ?? (await findLastLine(text, '"level":"warn"'))
  );
}

async function* redactedLog(
  text: LogText,
  pseudonymizer: Pseudonymizer,
  onStep: (step: string) => void,
): AsyncGenerator<string> {
  let read = 0;
  let reported = 0;
  try {
    for await (const line of readLines(text)) {
      read += line.length;
      if (read - reported > 2 ** 18) {
        reported = read;
        onStep(`log/${text.name} ${Math.min(99, Math.round((100 * read) / text.bytes))} %`);
      }
      yield `${redactLine(line, pseudonymizer)}\n`;
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    yield `[the rest of the file cannot be read (${code})]\n`;
  }
}

/** A record of the log, or whatever else is in the file. */
function redactLine(line: string, pseudonymizer: Pseudonymizer): string {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null)
      return JSON.stringify(pseudonymizer.value(record));
  } catch {
    // Cut off, or from another program.
  }
  return pseudonymizer.text(line);
}

/** A last look, whatever the redaction has made of a text. */
async function* guarded(
  text: string | AsyncIterable<string>,
  secrets: readonly Secret[],
): AsyncGenerator<string> {
  for await (const part of typeof text === "string" ? [text] : text)
    yield withoutSecrets(part, secrets);
}

/** Replaces each line that contains a secret of twelve or more characters. */
export function withoutSecrets(text: string, secrets: readonly Secret[]): string {
  const encoder = new TextEncoder();
  const isClean = (part: string): boolean => !bytesContainSecret(encoder.encode(part), secrets);
  if (isClean(text)) return text;
  const lines = text.split("\n").map((line) => (isClean(line) ? line : LEFT_OUT));
  return lines.join("\n");
}

/** On a terminal, shows what is being done once it takes long. */
function startProgress({ console }: CommandContext): {
  readonly show: (step: string) => void;
  readonly stop: () => void;
} {
  const startedAt = performance.now();
  let current = "";
  let shownAt = 0;
  const print = (): void => {
    const now = performance.now();
    if (now - startedAt < PROGRESS_AFTER_MS || now - shownAt < PROGRESS_INTERVAL_MS) return;
    shownAt = now;
    console.progress(`Collecting: ${current} …`);
  };
  const timer = setInterval(print, PROGRESS_INTERVAL_MS);
  return {
    show: (step) => {
      current = step;
      print();
    },
    stop: () => clearInterval(timer),
  };
}

async function writeFault(error: unknown, path: string): Promise<unknown> {
  let { code } = error as NodeJS.ErrnoException;
  const found = code === "EEXIST" ? await lstat(path).catch(() => null) : null;
  if (found !== null && !found.isFile()) code = "EISDIR";
  const details = REMEDIES[code ?? ""];
  if (code === undefined || (details === undefined && !/^E[A-Z0-9]+$/.test(code))) return error;
  const [event, hint] = details ?? [
    `cannot be written (${code})`,
    "Name another file: --out <file>",
  ];
  const message = `No support bundle was written: ${path} ${event}.`;
  return new Fault("fileNotWritten", message, { hint, cause: error });
}

const OTHER_PLACE = "Name a file in a folder that this account can write to: --out <file>";
const FREE_SPACE = "Free space there, or name a file on another disk: --out <file>";
const REMEDIES: Readonly<Record<string, readonly [event: string, hint: string]>> = {
  EEXIST: [
    "exists already, and nothing is replaced",
    "Remove it, or name another file: --out <file>",
  ],
  EISDIR: [
    "is a folder, a link or a device, and nothing is replaced",
    "Name a file that does not exist yet: --out <file>",
  ],
  ENOENT: ["is in a folder that does not exist", OTHER_PLACE],
  ENOTDIR: ["is in a place that is not a folder", OTHER_PLACE],
  EACCES: ["is in a folder that this account cannot write to (EACCES)", OTHER_PLACE],
  EPERM: ["is in a folder that this account cannot write to (EPERM)", OTHER_PLACE],
  EROFS: ["is on a disk that cannot be written", OTHER_PLACE],
  ENOSPC: ["does not fit on the disk, and what was written of it has been removed", FREE_SPACE],
  EDQUOT: [
    "exceeds the quota of this account, and what was written of it has been removed",
    FREE_SPACE,
  ],
  EFBIG: [
    "exceeds the limit for the size of a file, and what was written of it has been removed",
    FREE_SPACE,
  ],
};
