import type { Chance } from "../ports/clock.js";

/** A factor around 1, at most `most` away from it: several workers may poll one organization, and must not ask in step. */
export function jitter(chance: Pick<Chance, "random">, most: number): number {
  return 1 - most + 2 * most * chance.random();
}
