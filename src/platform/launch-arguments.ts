import { parseArgs } from "node:util";

/** Launch options as typed: a text each, null where not given. */
export interface LaunchArguments {
  readonly settings: string | null;
  readonly hostPid: string | null;
  readonly logDir: string | null;
  readonly logLevel: string | null;
  readonly secretStore: string | null;
}

/** Reads `--name value` and `--name=value`. An unknown option, a missing value or a stray word is a sentence that says which. */
export function readLaunchArguments(argv: readonly string[]): LaunchArguments | { readonly wrong: string } {
  const text = { type: "string", multiple: true } as const;
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { settings: text, "host-pid": text, "log-dir": text, "log-level": text, "secret-store": text },
      strict: true,
      allowPositionals: false,
    });
    const repeated = Object.entries(values).find(([, given]) => given.length > 1);
    if (repeated !== undefined) return { wrong: `--${repeated[0]} is given more than once.` };
    const one = (given: string[] | undefined): string | null => given?.[0] ?? null;
    return {
      settings: one(values.settings),
      hostPid: one(values["host-pid"]),
      logDir: one(values["log-dir"]),
      logLevel: one(values["log-level"]),
      secretStore: one(values["secret-store"]),
    };
  } catch (error) {
    const sentence = (error as Error).message.split(/[.\n]/, 1)[0] ?? "";
    return { wrong: `${sentence}.` };
  }
}
