/** The middle value; with an even count, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const high = sorted[upper];
  const low = sorted[sorted.length % 2 === 0 ? upper - 1 : upper];
  if (high === undefined || low === undefined) throw new Error("No samples: there is no median.");
  return (high + low) / 2;
}

/** The median of a[i] / b[i]: what was measured side by side is compared side by side, so that a noisy minute hits both. */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, index) => value / (b[index] ?? Number.NaN)));
}

/**
 * Measures contenders in turn, A B C, then C B A, and so on: what the machine does meanwhile strikes all alike. The first round warms up and is
 * dropped.
 */
export async function interleaved<Name extends string>(
  contenders: Readonly<Record<Name, () => Promise<number>>>,
  rounds: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >;
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const value = await contenders[name]();
      if (round > 0) samples[name].push(value);
    }
  }
  return samples;
}

/** A number as one reads it: three significant digits or so, thousands apart. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A count, thousands apart. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}
