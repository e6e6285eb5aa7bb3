/** Returns pseudorandom numbers in [0, 1). */
export type RandomFunction = () => number;

/** The mulberry32 generator: the same seed always produces the same sequence. */
export function seededRandom(seed: number): RandomFunction {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Hashes several numbers into a 32-bit seed, for a separate generator per person and day. */
export function mixSeeds(...numbers: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number | 0), 0x01000193);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

/** A random item. Throws an Error for an empty list. */
export function pick<T>(items: readonly T[], random: RandomFunction): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("The list is empty.");
  return item;
}

/** A version 4 UUID derived from the generator. */
export function seededUuid(random: RandomFunction): string {
  let digits = "";
  for (let word = 0; word < 4; word++) {
    digits += Math.floor(random() * 4_294_967_296)
      .toString(16)
      .padStart(8, "0");
  }
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}
