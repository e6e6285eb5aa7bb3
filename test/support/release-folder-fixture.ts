import { copyFile, link, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";

const IS_WINDOWS = process.platform === "win32";

/** The path of the runtime in a release folder for this system, relative to the folder. */
export const RUNTIME = IS_WINDOWS ? "runtime/node.exe" : "runtime/node";

/**
 * Puts a Node.js where a release folder has its own: the one that runs the tests, or that of
 * another such folder, which costs no copy on Windows.
 */
export async function addRuntime(folder: string, otherFolder?: string): Promise<void> {
  const path = join(folder, RUNTIME);
  await mkdir(join(folder, "runtime"), { recursive: true });
  if (!IS_WINDOWS) await symlink(process.execPath, path);
  else if (otherFolder !== undefined) await link(join(otherFolder, RUNTIME), path);
  // Windows deletes no link to a program that runs.
  else await copyFile(process.execPath, path);
}

/** What a launch of `ECHO_SCRIPT` prints, as JSON. */
export interface EchoedLaunch {
  readonly args: readonly string[];
  readonly program: string;
  readonly runtime: string;
  readonly parent: number;
  readonly cwd: string;
  /** The names of the environment's variables. */
  readonly variables: readonly string[];
}

/** Stands for the command line. An argument `--exit-code=<n>` makes it exit with that code. */
export const ECHO_SCRIPT = `
const [, program, ...args] = process.argv;
process.exitCode = Number(args.find((arg) => arg.startsWith("--exit-code="))?.slice(12) ?? 0);
const { execPath: runtime, ppid: parent } = process;
const variables = Object.keys(process.env);
process.stdout.write(JSON.stringify({ args, program, runtime, parent, cwd: process.cwd(), variables }));
`;
