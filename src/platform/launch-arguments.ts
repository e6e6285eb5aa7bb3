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
export function readLaunchArguments(
  argv: readonly string[],
): LaunchArguments | { readonly error: string } {
  const text = { type: "string", multiple: true } as const;
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        settings: text,
        "host-pid": text,
        "log-dir": text,
        "log-level": text,
        "secret-store": text,
      },
      strict: true,
      allowPositionals: false,
    });
    const repeated = Object.entries(values).find(([, occurrences]) => occurrences.length > 1);
    if (repeated !== undefined) return { error: `--${repeated[0]} is given more than once.` };
    const single = (occurrences: string[] | undefined): string | null => occurrences?.[0] ?? null;
    return {
      settings: single(values.settings),
      hostPid: single(values["host-pid"]),
      logDir: single(values["log-dir"]),
      logLevel: single(values["log-level"]),
      secretStore: single(values["secret-store"]),
    };
  } catch (error) {
    const message = (error as Error).message.split(/[.\n]/, 1)[0] ?? "";
    return { error: `${message}.` };
  }
}
