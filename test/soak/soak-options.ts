import { parseArgs } from "node:util";

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
}

const MAX_SEED = 2 ** 32;
const MIN_MINUTES = 2;

export const USAGE = `Usage: npm run soak -- --minutes <n> [--seed <n>]

  --minutes <n>   how long, at least ${MIN_MINUTES}
  --seed <n>      decides everything that is random; default: another one each time`;

/** Throws an Error with a sentence for a person. */
export function readSoakOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: "string" }, seed: { type: "string" } },
  });
  const minutes = Number(values.minutes ?? Number.NaN);
  if (!(minutes >= MIN_MINUTES)) throw new Error(`--minutes must be at least ${MIN_MINUTES}.`);
  const seed = Number(values.seed ?? Math.floor(Math.random() * MAX_SEED));
  if (!Number.isInteger(seed) || seed < 0 || seed >= MAX_SEED)
    throw new Error("--seed must be a whole number from 0 to 4294967295.");
  return { minutes, seed };
}
