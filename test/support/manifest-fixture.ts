import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The part of a manifest that a host needs; the delays are short for tests. */
export interface ManifestOptions {
  readonly command?: string;
  readonly delaysSeconds?: readonly number[];
  readonly policy?: string;
}

/** Writes a manifest that launches Node.js with these arguments. Returns its path. */
export async function writeManifest(
  folder: string,
  args: readonly string[],
  { command = "node", delaysSeconds = [0.02, 0.05], policy = "on-failure" }: ManifestOptions = {},
): Promise<string> {
  const path = join(folder, "plugin.manifest.json");
  const worker = {
    ...{ command, args, settingsArgument: "--settings", hostPidArgument: "--host-pid" },
    ...{ transport: "stdio", framing: "content-length", protocolVersion: "1.1" },
    restart: { policy, delaysSeconds },
  };
  await writeFile(path, JSON.stringify({ manifestVersion: 1, worker }));
  return path;
}
