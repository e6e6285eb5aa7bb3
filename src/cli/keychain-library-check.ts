import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, relative } from "node:path";

import { failed, ok, UNPACK_HINT, warning, type Finding } from "./doctor-finding.js";

/** Loading takes 0.1 s, but an antivirus program may look at the library first. */
const LOAD_TIMEOUT_MS = 20_000;

/** Loads keytar in a process of its own, where a defect in the native part ends nothing else. */
export async function checkKeychainLibrary(
  folder: string,
  node: Pick<NodeJS.Process, "execPath" | "platform" | "arch">,
): Promise<Finding> {
  const system = `${node.platform}-${node.arch}`;
  let library: string;
  try {
    library = createRequire(join(folder, "dist", "cli.cjs")).resolve("keytar");
  } catch {
    return failed({
      code: "filesDamaged",
      message: `The keychain library (keytar) is not in ${join(folder, "node_modules")}, so nothing can be authorized.`,
      hint: UNPACK_HINT,
    });
  }
  // The two places where keytar looks, in its order.
  const root = join(dirname(library), "..");
  const candidates = [join(root, "build", "Release"), join(root, "prebuilds", system)];
  const natives: string[] = [];
  for (const candidate of candidates)
    if (await exists(join(candidate, "keytar.node"))) natives.push(join(candidate, "keytar.node"));
  const [native] = natives;
  if (native === undefined) {
    const others = await systemsWithNative(join(root, "prebuilds"));
    return failed({
      code: "wrongSystem",
      message: `The keychain library has no native part for ${system}, so nothing can be authorized.${others.length === 0 ? "" : ` It has one for ${others.join(", ")}.`}`,
      hint:
        others.length === 0
          ? UNPACK_HINT
          : "Use the release for this system: its archive has the system's name.",
    });
  }
  const reason = await loadInChild(node.execPath, library, native);
  if (reason !== null) {
    return failed({
      code: "keychainUnavailable",
      message: `The keychain library cannot be loaded, so nothing can be authorized: ${reason}`,
      hint: describeLoadRemedy(reason, native),
    });
  }
  const path = relative(folder, native);
  if (path.startsWith("..") || isAbsolute(path)) {
    return warning("libraryElsewhere", {
      message: `The keychain library is loaded from ${native}, which is outside of ${folder}.`,
      hint: "Copy node_modules/keytar into the folder, so that nothing else can replace it.",
    });
  }
  return ok(`${path} can be loaded`);
}

/** The systems whose native part is there; a damaged folder may have left empty folders. */
async function systemsWithNative(prebuilds: string): Promise<string[]> {
  const found: string[] = [];
  for (const system of await readdir(prebuilds).catch(() => []))
    if (await exists(join(prebuilds, system, "keytar.node"))) found.push(system);
  return found;
}

/** glibc begins with the file that it cannot load; musl names it, and where it is needed. */
export function describeLoadRemedy(reason: string, native: string): string {
  if (reason.includes("libsecret") && !reason.startsWith(`${native}:`)) {
    return "Install libsecret (Debian and Ubuntu: apt-get install libsecret-1-0; Red Hat: dnf install libsecret).";
  }
  if (/failed to map segment|Operation not permitted/.test(reason)) {
    return `The system lets no program run from this folder, probably because its file system is mounted with noexec. Put the folder on another file system, or mount it without noexec.`;
  }
  const missing = /^(lib[^:]+): cannot open shared object file/.exec(reason)?.[1];
  if (missing !== undefined) return `Install the system's package that contains ${missing}.`;
  return UNPACK_HINT;
}

const LOAD_SCRIPT = `
const [, library, native] = process.argv;
try { require(library); } catch (error) {
  // keytar hides why. The loader of the system says which library is missing.
  try { process.dlopen({ exports: {} }, native); } catch (cause) { error = cause; }
  process.stdout.write(String(error.message).split("\\n")[0]);
  process.exit(1);
}`;
/** What the system's loader needs; NODE_OPTIONS stays out, as in the worker's own child. */
const LOADER_VARIABLES = /^(PATH|HOME|LD_LIBRARY_PATH|SystemRoot|TEMP|TMP)$/i;

/** Null if the library was loaded; otherwise why not. */
function loadInChild(execPath: string, library: string, native: string): Promise<string | null> {
  const variables = Object.entries(process.env).filter(([name]) => LOADER_VARIABLES.test(name));
  const options = {
    env: Object.fromEntries(variables),
    timeout: LOAD_TIMEOUT_MS,
    // A loader that hangs takes no other signal.
    killSignal: "SIGKILL",
    windowsHide: true,
  } as const;
  return new Promise((resolve) => {
    execFile(execPath, ["-e", LOAD_SCRIPT, library, native], options, (error, stdout) => {
      if (error === null) resolve(null);
      else if (stdout !== "") resolve(stdout);
      else if (error.killed === true) resolve(`no result within ${LOAD_TIMEOUT_MS / 1000} s`);
      else resolve(`its process ended with ${error.signal ?? String(error.code)}`);
    });
  });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
