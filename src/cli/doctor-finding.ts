import { asFault } from "../faults/fault.js";

export type FindingState = "ok" | "warning" | "failed" | "skipped";

/** What one check came to. `hint` says what to do; null where there is nothing to do. */
export interface Finding {
  readonly state: FindingState;
  readonly message: string;
  readonly hint: string | null;
  readonly orgId?: string;
}

/** One line of the doctor's. `run` never rejects with what the check is about: that is a finding. */
export interface Check {
  readonly name: string;
  run(signal: AbortSignal): Promise<readonly Finding[]>;
}

export const ok = (message: string): Finding => ({ state: "ok", message, hint: null });
export const warning = (message: string, hint: string): Finding => ({
  state: "warning",
  message,
  hint,
});
export const failed = (message: string, hint: string): Finding => ({
  state: "failed",
  message,
  hint,
});
/** Could not be checked, because of something that another line says. */
export const skipped = (message: string): Finding => ({ state: "skipped", message, hint: null });

/** A failure in the words of the place that saw it. */
export function failedWith(error: unknown): Finding {
  const { message, hint, trackingId } = asFault(error);
  const text = trackingId === undefined ? message : `${message} (tracking id ${trackingId})`;
  return failed(text, hint ?? "Run the check again; if it goes on, look into the worker's log.");
}
