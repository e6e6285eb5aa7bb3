import type { WorkerManifest } from "./manifest.js";

/** After this time, a worker counts as stable, and its next restart uses the first delay again. */
const STABLE_AFTER_MS = 60_000;
/** For a manifest whose policy names no delay. */
const DEFAULT_DELAY_SECONDS = 1;

export interface Restart {
  /** Of the restarts since the worker was last stable; starts at 1. */
  readonly attempt: number;
  readonly delaySeconds: number;
}

/** Decides when a worker that has failed is launched again, as the manifest says. */
export class RestartPolicy {
  readonly #policy: WorkerManifest["restart"];
  #failures = 0;

  constructor(policy: WorkerManifest["restart"]) {
    this.#policy = policy;
  }

  /** Returns null if the policy has no restarts. */
  next(ranForMs: number): Restart | null {
    const { policy, delaysSeconds } = this.#policy;
    if (policy !== "on-failure") return null;
    if (ranForMs >= STABLE_AFTER_MS) this.#failures = 0;
    const delaySeconds = delaysSeconds[this.#failures] ?? delaysSeconds.at(-1);
    this.#failures += 1;
    return { attempt: this.#failures, delaySeconds: delaySeconds ?? DEFAULT_DELAY_SECONDS };
  }
}
