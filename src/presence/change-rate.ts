// How often somebody's status changes, in 16 bits: a changes-per-hour figure on a logarithmic scale, on which forgetting is a subtraction.
const DECAY_MS = 2 * 3_600_000;
const MIN_PER_HOUR = 1 / 50;
const STEPS_PER_E = 8_192;
const MAX_CODE = 65_535;
/** Whoever changes at least this often is worth as much as anybody. */
const FULL_WEIGHT_PER_HOUR = 1;
const MIN_WEIGHT = 1 / 4;

function encodeRate(perHour: number): number {
  return Math.max(
    0,
    Math.min(MAX_CODE, Math.round(Math.log(perHour / MIN_PER_HOUR) * STEPS_PER_E)),
  );
}

/** Of somebody just met: taken for busy until it shows that they are not. */
export const INITIAL_CHANGE_RATE = encodeRate(FULL_WEIGHT_PER_HOUR);
const WEIGHTS: readonly number[] = Array.from({ length: 256 }, (_, high) => {
  const perHour = MIN_PER_HOUR * Math.exp((high * 256 + 255) / STEPS_PER_E);
  return Math.max(MIN_WEIGHT, Math.min(1, perHour / FULL_WEIGHT_PER_HOUR));
});

/** The rate after another look at the person, `elapsedMs` after the last one: changes weigh less the longer ago they are. */
export function updateChangeRate(rate: number, elapsedMs: number, changed: boolean): number {
  const decayed = Math.max(0, rate - Math.round((elapsedMs / DECAY_MS) * STEPS_PER_E));
  if (!changed) return decayed;
  return encodeRate(MIN_PER_HOUR * Math.exp(decayed / STEPS_PER_E) + 3_600_000 / DECAY_MS);
}

/** What a fresh look at the person is worth, 1/4 to 1: with requests by its square root, nobody waits more than twice as long as another. */
export function refreshWeight(rate: number): number {
  return WEIGHTS[rate >> 8] ?? 1;
}
