/** A decision is to find a place free in about 97 of 100 cases. */
const MAX_WAITING_SHARE = 0.03;
const MAX_RESERVE = 4;
/** Below this limit, one place is too large a share to keep it free for callers who never came. */
const MIN_LIMIT_FOR_IDLE_RESERVE = 20;
/** The largest share of the limit that is kept free. */
const MAX_RESERVED_SHARE = 1 / 10;

/**
 * Returns how many of a minute's requests the background leaves free for requests on demand, so
 * that these need not wait. `limit`: requests that may be sent in a minute; `onDemandPerMinute`:
 * recent requests on demand per minute, 0 if there was none.
 *
 * A request on demand takes a free place, and the next request of a minute ago that expires gives
 * it back, one in every 1 / limit minutes. The places that are not back yet are thus the length of
 * a queue with Poisson arrivals and constant service time (M/D/1). The next request waits if they
 * are as many as the reserve.
 */
export function onDemandReserve(limit: number, onDemandPerMinute: number): number {
  if (onDemandPerMinute === 0) return limit < MIN_LIMIT_FOR_IDLE_RESERVE ? 0 : 1;
  const max = Math.min(MAX_RESERVE, Math.floor(limit * MAX_RESERVED_SHARE));
  const lengths = queueLengths(onDemandPerMinute / limit, max);
  let waitingShare = 1;
  for (let reserve = 0; reserve < max; reserve += 1) {
    if (waitingShare <= MAX_WAITING_SHARE) return reserve;
    waitingShare -= lengths[reserve] ?? 0;
  }
  return max;
}

/**
 * Returns the probabilities that an M/D/1 queue holds 0, 1, … `count - 1`, by the recursion of its
 * embedded Markov chain (Kleinrock, "Queueing Systems", volume 1, 1975, section 5.6). `load`:
 * arrivals per service time.
 */
function queueLengths(load: number, count: number): readonly number[] {
  const empty = Math.max(0, 1 - load);
  const lengths = [empty];
  /** The probabilities of 0, 1, … arrivals during a service. */
  const arrivals = [Math.exp(-load)];
  for (let n = 1; n < count; n += 1) {
    arrivals.push(((arrivals[n - 1] ?? 0) * load) / n);
    let reached = (lengths[n - 1] ?? 0) - empty * (arrivals[n - 1] ?? 0);
    for (let k = 1; k < n; k += 1) reached -= (lengths[k] ?? 0) * (arrivals[n - k] ?? 0);
    lengths.push(reached / (arrivals[0] ?? 1));
  }
  return lengths;
}
