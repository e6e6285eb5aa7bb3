/** How long the host may take to launch the worker. All times are in milliseconds. */
export const LAUNCH_TIMEOUT_MS = 15_000;
/** How long a host may wait for a worker that does not end. */
export const END_TIMEOUT_MS = 10_000;
/** How much earlier than a delay a launch may seem to be, by the clocks of two processes. */
export const EARLY_TOLERANCE_MS = 100;
/** How much later than a delay a launch may be. */
export const LATE_TOLERANCE_MS = 5_000;
