import {
  access,
  constants,
  mkdtemp,
  open,
  readFile,
  realpath,
  rmdir,
  stat,
} from "node:fs/promises";
import { machine } from "node:os";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

import { ADMINISTRATORS, LOCAL_SYSTEM, USERS } from "../platform/folder-rights.js";
import { quoteForShell } from "../platform/log-folder-check.js";
import {
  CHECKSUM_FILE,
  compareFolder,
  parseChecksums,
  type FolderDifferences,
} from "./checksum-list.js";
import {
  failed,
  ok,
  skipped,
  UNPACK_HINT,
  warning,
  type Check,
  type Finding,
} from "./doctor-finding.js";
import { checkKeychainLibrary } from "./keychain-library-check.js";
import { findWriteError } from "./worker-files.js";
import type { FindWritablePaths, WritablePath } from "./folder-writers.js";

export interface Installation {
  /** The product's folder: that of `dist/`. */
  readonly folder: string;
  /** The Node.js that runs this command. */
  readonly node: Pick<NodeJS.Process, "execPath" | "version" | "platform" | "arch">;
  readonly account: string;
  /** Null if the account has no home directory. */
  readonly logFolder: string | null;
  /** Who can read and change the log folder, if it exists. */
  readonly checkLogRights: () => Finding | Promise<Finding>;
  readonly findWritablePaths: FindWritablePaths;
}

const MIN_NODE_VERSION = [20, 19] as const;
const MAX_NAMES = 10;
/** What the host or an administrator runs, or tells the host what to run. */
const CODE_PATHS = [
  ...["dist", "runtime", "node_modules/keytar", "plugin.manifest.json"],
  ...["ucx-webex-presence", "ucx-webex-presence.cmd", "runtime/node.exe"],
  // On Windows, only what is named here is checked.
  ...["dist/worker.cjs", "dist/cli.cjs", "dist/lib", "dist/lib/worker.cjs"],
];
/** What every release folder lists, besides the files that differ by system. */
const ESSENTIAL_PATHS = ["dist/cli.cjs", "dist/worker.cjs", "plugin.manifest.json"];
/** Names that `os.machine` uses for the same architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "x64",
  amd64: "x64",
  aarch64: "arm64",
  i686: "ia32",
  i386: "ia32",
};

/** Checks the folder and its rights. Needs no settings, no keychain and no network. */
export function installationChecks(installation: Installation, signal: AbortSignal): Check[] {
  const { folder, node } = installation;
  return [
    { name: "checksums", run: () => checkChecksums(installation, signal) },
    { name: "runtime", run: () => checkRuntime(installation) },
    { name: "keychain library", run: () => checkKeychainLibrary(folder, node) },
    { name: "code cache", run: () => checkCodeCache(installation) },
    { name: "folder rights", run: () => checkFolderRights(installation) },
    // The log folder may be in the product's folder, and this check creates a file in it.
    { name: "log folder", after: ["checksums"], run: () => checkLogFolder(installation) },
  ];
}

async function checkChecksums(
  { folder, node }: Installation,
  signal: AbortSignal,
): Promise<Finding | Finding[]> {
  let text: string;
  try {
    text = await readFile(join(folder, CHECKSUM_FILE), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" && !(await exists(runtimePath(folder, node.platform)))) {
      return skipped(
        `not checked: ${folder} is not a release folder, because it has no ${CHECKSUM_FILE}`,
      );
    }
    return failed({
      code: "filesDamaged",
      message: `${join(folder, CHECKSUM_FILE)} cannot be read (${codeOf(error)}), so it is unknown whether the folder is complete.`,
      hint: UNPACK_HINT,
    });
  }
  const checksums = parseChecksums(text);
  if ("error" in checksums) {
    return failed({
      code: "filesDamaged",
      message: `${join(folder, CHECKSUM_FILE)} ${checksums.error}.`,
      hint: UNPACK_HINT,
    });
  }
  // A list that was cut at the end of a line looks complete.
  const essential = [...ESSENTIAL_PATHS, ...systemPaths(node.platform)];
  const unlisted = essential.filter((path) => !checksums.has(path));
  if (unlisted.length > 0) {
    return failed({
      code: "filesDamaged",
      message: `${join(folder, CHECKSUM_FILE)} is cut or damaged, so it is unknown whether the folder is complete: it does not list ${unlisted.join(", ")}.`,
      hint: UNPACK_HINT,
    });
  }
  return describeDifferences(
    await compareFolder(folder, checksums, signal),
    checksums.size,
    folder,
  );
}

/** A finding for each kind of difference. */
function describeDifferences(
  { missing, changed, unreadable, additional }: FolderDifferences,
  total: number,
  folder: string,
): Finding[] {
  const findings: Finding[] = [];
  const fail = (paths: readonly string[], state: string): void => {
    if (paths.length === 0) return;
    const verb = paths.length === 1 ? "is" : "are";
    const message = `${paths.length} of ${total} files ${verb} ${state}: ${nameSome(paths)}.`;
    findings.push(failed({ code: "filesDamaged", message, hint: UNPACK_HINT }));
  };
  fail(missing, "missing");
  fail(changed, "not as released");
  if (unreadable.length > 0) {
    const names = unreadable.map(({ path, code }) => `${path} (${code})`);
    findings.push(
      failed({
        code: "filesUnreadable",
        message: `These files or folders cannot be read: ${nameSome(names)}.`,
        hint: `Let this account read ${folder}. If an antivirus program holds the files, make an exception for the folder.`,
      }),
    );
  }
  const loadable = additional.filter((path) => /^(dist|runtime|node_modules)\//i.test(path));
  const others = additional.filter((path) => !loadable.includes(path));
  if (loadable.length > 0) {
    findings.push(
      warning("filesAdded", {
        message: `${count(loadable)} not from the release, where the worker may load it as code: ${nameSome(loadable)}.`,
        hint: "Unless you know where it is from, find out who can write to the folder. Then unpack the release in place of this folder, not over it.",
      }),
    );
  }
  if (others.length > 0) {
    findings.push(
      warning("filesAdded", {
        message: `${count(others)} not from the release: ${nameSome(others)}.`,
        hint: "Remove what an earlier version left behind, and keep your own files elsewhere: an upgrade replaces the folder.",
      }),
    );
  }
  const isComplete = missing.length + changed.length + unreadable.length === 0;
  return isComplete ? [ok(`all ${total} files are as they were released`), ...findings] : findings;
}

async function checkRuntime({ folder, node }: Installation): Promise<Finding | Finding[]> {
  const { execPath, version, platform, arch } = node;
  const subject = `Node.js ${version} for ${platform}-${arch}`;
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [minMajor, minMinor] = MIN_NODE_VERSION;
  if (major < minMajor || (major === minMajor && minor < minMinor)) {
    return failed({
      code: "runtimeTooOld",
      message: `${subject} (${execPath}) is too old: the worker needs ${minMajor}.${minMinor} or later.`,
      hint: "Use the runtime of a release folder, or install a newer Node.js.",
    });
  }
  const findings: Finding[] = [];
  const machineName = machine();
  const machineArch = ARCHITECTURES[machineName] ?? machineName;
  if (machineArch !== arch && Object.values(ARCHITECTURES).includes(machineArch)) {
    findings.push(
      warning("runtimeEmulated", {
        message: `${subject} is not for this machine (${machineArch}), so the system emulates it.`,
        hint: "If there is a release for this machine, use that one.",
      }),
    );
  }
  const own = runtimePath(folder, platform);
  if (!(await exists(own))) {
    if (await exists(join(folder, CHECKSUM_FILE))) {
      return failed({
        code: "filesDamaged",
        message: `${own} is missing, so the host cannot launch the worker.`,
        hint: UNPACK_HINT,
      });
    }
    return [...findings, ok(`${subject} (${execPath}); this folder has no runtime of its own`)];
  }
  const code = await launchError(own);
  if (code !== null) {
    return failed({
      code: "runtimeNotExecutable",
      message: `${own} cannot be executed (${code}), so the host cannot launch the worker.`,
      hint: "Unpack the release again with a program that keeps the permissions (tar does). The account of the worker needs the right to read and to execute the file.",
    });
  }
  if (await isSameFile(own, execPath))
    return [...findings, ok(`${subject}, the runtime of this folder`)];
  const [, launcher] = systemPaths(platform);
  return [
    ...findings,
    warning("runtimeElsewhere", {
      message: `This command runs in ${execPath} (${subject}), but the host launches the worker in ${own}.`,
      hint: `Run the command by ${join(folder, launcher)}.`,
    }),
  ];
}

/** For information: without a cache, V8 compiles the worker whenever it starts. */
async function checkCodeCache({ folder, node }: Installation): Promise<Finding> {
  const library = join(folder, "dist", "lib");
  const name = `worker.${node.version}-${node.platform}-${node.arch}.cache`;
  const [source, cachedData] = await Promise.all([
    readFile(join(library, "worker.cjs"), "utf8").catch(() => null),
    readFile(join(library, name)).catch(() => null),
  ]);
  if (source === null) return skipped(`not checked: there is no ${join(library, "worker.cjs")}`);
  let cachedDataRejected: boolean | undefined;
  try {
    const options = { filename: "worker.cjs", ...(cachedData === null ? {} : { cachedData }) };
    ({ cachedDataRejected } = new Script(source, options));
  } catch {
    return failed({
      code: "filesDamaged",
      message: `${join(library, "worker.cjs")} is damaged, so the worker cannot start and there is no presence.`,
      hint: UNPACK_HINT,
    });
  }
  if (cachedData === null)
    return ok(`none for Node.js ${node.version}: the worker starts a little more slowly`);
  return cachedDataRejected === true
    ? ok("made for another processor or other options: the worker starts a little more slowly")
    : ok("used by this runtime");
}

async function checkFolderRights({
  folder,
  node,
  findWritablePaths,
}: Installation): Promise<Finding> {
  const place = await realpath(folder);
  let found: readonly WritablePath[];
  try {
    found = await findWritablePaths(place, CODE_PATHS);
  } catch (error) {
    return warning("rightsUnknown", {
      message: `The rights of ${folder} cannot be read (${reasonOf(error)}), so it is unknown who can change what the worker runs.`,
      hint: "Run the command in an account that can, such as an administrator's.",
    });
  }
  if (found.length === 0)
    return ok(`${folder}: only administrators and this account can change it`);
  const names = found.map(({ path, writers }) => `${path} (${writers})`);
  return warning("folderOpen", {
    message: `Others can change what the worker runs, and so read its secrets: ${nameSome(names, 3)}.`,
    hint:
      node.platform === "win32"
        ? `As an administrator, run: icacls "${place}" /reset /t /q – and then: icacls "${place}" /inheritance:r /grant:r "*${LOCAL_SYSTEM}:(OI)(CI)F" "*${ADMINISTRATORS}:(OI)(CI)F" "*${USERS}:(OI)(CI)RX"`
        : `As root, run: ${restrictingCommands(place, found)}`,
  });
}

function restrictingCommands(folder: string, found: readonly WritablePath[]): string {
  const commands = found
    .filter(({ path }) => path !== folder && !path.startsWith(`${folder}/`))
    .map(({ path }) => `chown root ${quoteForShell(path)} && chmod go-w ${quoteForShell(path)}`);
  if (commands.length < found.length)
    commands.push(
      `chown -R root ${quoteForShell(folder)} && chmod -R go-w ${quoteForShell(folder)}`,
    );
  return commands.join(" && ");
}

async function checkLogFolder({
  logFolder,
  account,
  checkLogRights,
}: Installation): Promise<Finding | Finding[]> {
  if (logFolder === null) {
    return warning("logFolderNotWritable", {
      message: `The account ${account} has no home directory, so the worker writes neither log nor status.`,
      hint: "Launch the worker with --log-dir <folder>.",
    });
  }
  const hint = `Give ${account} the right to write to it, or launch the worker with --log-dir <folder>. Presence does not depend on it; log and status do.`;
  let existing = logFolder;
  let writeError: string | null;
  try {
    while (!(await exists(existing)) && dirname(existing) !== existing)
      existing = dirname(existing);
    if (!(await stat(existing)).isDirectory()) {
      return failed({
        code: "logFolderNotWritable",
        message: `${existing} is not a folder, so the worker writes neither log nor status.`,
        hint: "Remove it, or launch the worker with --log-dir <folder>. Presence does not depend on it.",
      });
    }
    if (existing !== logFolder) {
      await rmdir(await mkdtemp(join(existing, ".ucx-webex-presence-")));
      return ok(`${logFolder} does not exist yet; ${account} can create it`);
    }
    writeError = await findWriteError(logFolder);
  } catch (error) {
    writeError = codeOf(error);
  }
  if (writeError !== null) {
    return failed({
      code: "logFolderNotWritable",
      message: `${account} cannot write to ${existing} (${writeError}), where log and status belong.`,
      hint,
    });
  }
  for (const name of ["worker.log", "status.json", "learned.json"]) {
    const path = join(logFolder, name);
    try {
      await (await open(path, "r+")).close();
    } catch (error) {
      if (codeOf(error) === "ENOENT") continue;
      return failed({
        code: "logFolderNotWritable",
        message: `${account} cannot write to ${path} (${codeOf(error)}). A worker of another account may have made it.`,
        hint: `Run the worker in one account, and remove the file once. Presence does not depend on it; log and status do.`,
      });
    }
  }
  const writable = ok(`${logFolder}: ${account} can write to it`);
  return [writable, await checkLogRights()];
}

/** The runtime, and the launcher of the command line, which is the last file of a sorted list. */
function systemPaths(platform: NodeJS.Platform): readonly [runtime: string, launcher: string] {
  return platform === "win32"
    ? ["runtime/node.exe", "ucx-webex-presence.cmd"]
    : ["runtime/node", "ucx-webex-presence"];
}

function runtimePath(folder: string, platform: NodeJS.Platform): string {
  return join(folder, systemPaths(platform)[0]);
}

/** Why this account cannot execute a file: the code of the error, `empty`, or null. */
async function launchError(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).size === 0 ? "empty" : null;
  } catch (error) {
    return codeOf(error);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR",
  );
}

async function isSameFile(path: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([
    stat(path, { bigint: true }),
    stat(other, { bigint: true }),
  ]);
  return first.dev === second.dev && first.ino === second.ino;
}

function count(paths: readonly string[]): string {
  return paths.length === 1 ? "1 file is" : `${paths.length} files are`;
}

function nameSome(names: readonly string[], maximum = MAX_NAMES): string {
  const more = names.length - maximum;
  return names.slice(0, maximum).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** The system's code, or the message of an error without one. */
function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
