/** Throws an Error for no samples. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const high = sorted[upper];
  const low = sorted[sorted.length % 2 === 0 ? upper - 1 : upper];
  if (high === undefined || low === undefined) throw new Error("There are no samples.");
  return (high + low) / 2;
}

/** The smallest value that at least a share (0 to 1) of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new Error("There are no samples.");
  return value;
}

/** The median of a[i] / b[i]. Samples of the same round share the noise of the machine. */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, index) => value / (b[index] ?? Number.NaN)));
}

/**
 * Measures contenders in alternating order (A B C, C B A, …), so that the noise of the machine
 * affects them equally. Drops a first warm-up round.
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

/** Formats a number with about three significant digits and thousands separators. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** The median of samples with its unit, such as `12.3 ms`. */
export function formatMedian(values: readonly number[], unit: string): string {
  return `${formatNumber(median(values))} ${unit}`;
}

/** Formats an integer with thousands separators. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}
