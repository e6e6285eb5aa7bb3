// How often somebody's status changes, in 16 bits: a changes-per-hour figure on a logarithmic scale, on which forgetting is a subtraction.
const MEMORY_MS = 2 * 3_600_000;
const LEAST_PER_HOUR = 1 / 50;
const STEPS_PER_E = 8_192;
const MOST = 65_535;
/** Whoever changes at least this often is worth as much as anybody. */
const BUSY_PER_HOUR = 1;
const LEAST_WORTH = 1 / 4;

function code(perHour: number): number {
  return Math.max(0, Math.min(MOST, Math.round(Math.log(perHour / LEAST_PER_HOUR) * STEPS_PER_E)));
}

/** Of somebody just met: taken for busy until it shows that they are not. */
export const FIRST_CHANGE_RATE = code(BUSY_PER_HOUR);
const WORTH: readonly number[] = Array.from({ length: 256 }, (_, high) => {
  const perHour = LEAST_PER_HOUR * Math.exp((high * 256 + 255) / STEPS_PER_E);
  return Math.max(LEAST_WORTH, Math.min(1, perHour / BUSY_PER_HOUR));
});

/** The rate after another look at the person, `elapsedMs` after the last one: changes weigh less the longer ago they are. */
export function changeRateAfter(rate: number, elapsedMs: number, changed: boolean): number {
  const faded = Math.max(0, rate - Math.round((elapsedMs / MEMORY_MS) * STEPS_PER_E));
  if (!changed) return faded;
  return code(LEAST_PER_HOUR * Math.exp(faded / STEPS_PER_E) + 3_600_000 / MEMORY_MS);
}

/** What a fresh look at the person is worth, 1/4 to 1: with requests by its square root, nobody waits more than twice as long as another. */
export function worthOf(rate: number): number {
  return WORTH[rate >> 8] ?? 1;
}
