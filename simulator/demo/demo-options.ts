import { parseArgs } from "node:util";

export interface DemoOptions {
  /** Ends by itself once some changes were shown. */
  readonly once: boolean;
  readonly users: number;
  /** How many people the host subscribes to; null = as many as fit the screen. */
  readonly watch: number | null;
  readonly seed: number;
  /** How many times as fast as ours the offices' day runs. */
  readonly speed: number;
}

export const DEMO_USAGE = `Usage: npm run demo -- [options]
  --once        end by itself, with exit code 0, once some changes were shown
  --users <n>   people in the simulated organization (60; 2 to 20000)
  --watch <n>   people that the host subscribes to (as many as fit the screen)
  --seed <n>    another cast of people (1)
  --speed <n>   how fast the offices' day runs (30 times as fast as ours; 1 to 3600)
  --help        this text`;

/** Reads the demo's arguments. Throws a RangeError or TypeError whose message is for who typed them; null = asked for help. */
export function readDemoOptions(args: readonly string[]): DemoOptions | null {
  const text = { type: "string" } as const;
  const booleanOption = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: booleanOption,
      users: { ...text, default: "60" },
      watch: text,
      seed: { ...text, default: "1" },
      speed: { ...text, default: "30" },
      help: { ...booleanOption, short: "h" },
    },
  });
  if (values.help) return null;
  return {
    once: values.once,
    users: wholeNumber("users", values.users, 2, 20_000),
    watch: values.watch === undefined ? null : wholeNumber("watch", values.watch, 1, 10_000),
    seed: wholeNumber("seed", values.seed, 0, 2 ** 31),
    speed: wholeNumber("speed", values.speed, 1, 3600),
  };
}

function wholeNumber(name: string, text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= minimum && value <= maximum) return value;
  throw new RangeError(
    `--${name} takes a whole number from ${minimum} to ${maximum}, not "${text}".`,
  );
}
