// Runs the built `check-host`.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";

export const ADDRESSES = ["ada@northwind.example", "bo@northwind.example"];
/** The arguments of a host with the interface of the example hosts. */
export const HOST_ARGUMENTS = [
  ...["--manifest", "{manifest}", "--settings", "{settings}", "--"],
  ...ADDRESSES,
];

interface CheckReport {
  readonly ok: boolean;
  readonly requirements: readonly {
    readonly id: string;
    readonly outcome: "passed" | "failed" | "notObserved";
    readonly observed: string;
  }[];
}

export interface CheckResult {
  readonly code: number | null;
  readonly report: CheckReport;
}

/** Each check makes a folder in the system's folder for temporary files, which `root` replaces. */
export function environmentWith(root: string): NodeJS.ProcessEnv {
  return { ...process.env, TMPDIR: root, TEMP: root, TMP: root };
}

/** Starts a check of a host, which `command` starts. */
export function startCheck(
  root: string,
  command: readonly string[],
  options: readonly string[] = [],
): ChildProcessWithoutNullStreams {
  const args = ["dist/cli.cjs", "check-host", "--json", ...options, "--", ...command];
  return spawn(process.execPath, args, { env: environmentWith(root) });
}

/** Resolves with the result of a check. Rejects if it prints none. */
export async function check(...args: Parameters<typeof startCheck>): Promise<CheckResult> {
  const run = startCheck(...args);
  let output = "";
  let errors = "";
  run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  run.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(run, "close")) as [number | null];
  if (output === "") throw new Error(errors);
  return { code, report: JSON.parse(output) as CheckReport };
}
