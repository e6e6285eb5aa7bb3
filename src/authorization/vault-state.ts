import type { Fault } from "../faults/fault.js";
import type { Logger } from "../ports/logger.js";
import type { VaultContent } from "./vault-content.js";
import { sameContent } from "./vault-content.js";

export type VaultState =
  | { readonly kind: "unread" }
  | { readonly kind: "unavailable"; readonly fault: Fault }
  /** `fault`: the store has gone out of reach since; the content is the last known, and still good. */
  | ({ readonly kind: "ready"; readonly fault: Fault | null } & VaultContent);

export function sameVaultState(a: VaultState, b: VaultState): boolean {
  if (a.kind !== b.kind || faultOf(a)?.message !== faultOf(b)?.message) return false;
  return a.kind !== "ready" || b.kind !== "ready" || sameContent(a, b);
}

/** Logs what an administrator should know of the step from one state to the next: each trouble once, and its end. */
export function reportVaultState(logger: Logger, before: VaultState, next: VaultState): void {
  const [was, is] = [faultOf(before), faultOf(next)];
  if (is !== null && is.code !== was?.code) logger.warn(is.message, { code: is.code, hint: is.hint });
  if (is === null && was !== null) logger.info("The keychain answers again.");
  if (next.kind !== "ready") return;
  const known = before.kind === "ready" ? before.unusable : [];
  for (const account of next.unusable.filter((a) => !known.includes(a))) {
    logger.warn("A record in the keychain is missing or cannot be read: it is left alone and not used.", { account });
  }
}

function faultOf(state: VaultState): Fault | null {
  return state.kind === "unread" ? null : state.fault;
}
