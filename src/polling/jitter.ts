import type { Random } from "../ports/clock.js";

/** A factor around 1, at most `most` away from it: several workers may poll one organization, and must not ask in step. */
export function jitter(random: Random, maxDeviation: number): number {
  return 1 - maxDeviation + 2 * maxDeviation * random.random();
}
