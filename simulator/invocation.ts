import { dirname, join, relative } from "node:path";

/** How a process was launched; the paths are absolute. */
export interface Launch {
  /** The name of the npm script that runs, if any. */
  readonly npmScript: string | undefined;
  readonly node: string;
  readonly script: string;
  readonly folder: string;
}

/**
 * The command that launches a script of `dist/` again from the current folder, as it was launched:
 * by npm, which only a checkout has, by the runtime of a release folder, or by another Node.js.
 * Options can follow it.
 */
export function invocation(
  name: "demo" | "simulator" | "host",
  launch: Launch = currentLaunch(),
): string {
  const { npmScript, node, script, folder } = launch;
  if (npmScript === name) return `npm run ${name} --`;
  const runtime = join(dirname(dirname(script)), "runtime");
  const isBundled = dirname(node) === runtime;
  return [isBundled ? pathFrom(folder, node) : "node", pathFrom(folder, script)].join(" ");
}

function currentLaunch(): Launch {
  return {
    npmScript: process.env.npm_lifecycle_event,
    node: process.execPath,
    script: process.argv[1] ?? "",
    folder: process.cwd(),
  };
}

function pathFrom(folder: string, path: string): string {
  const shown = relative(folder, path);
  return shown.includes(" ") ? `"${shown}"` : shown;
}
