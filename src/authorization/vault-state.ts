import type { Fault } from "../faults/fault.js";
import type { Logger } from "../ports/logger.js";
import type { StoredContent } from "./vault-content.js";
import { isSameContent } from "./vault-content.js";

export type GrantStoreState =
  | { readonly kind: "unread" }
  | { readonly kind: "unavailable"; readonly fault: Fault }
  /** `fault`: the store has gone out of reach since; the content is the last known, and still good. */
  | ({ readonly kind: "ready"; readonly fault: Fault | null } & StoredContent);

export function isSameState(a: GrantStoreState, b: GrantStoreState): boolean {
  if (a.kind !== b.kind || faultOf(a)?.message !== faultOf(b)?.message) return false;
  return a.kind !== "ready" || b.kind !== "ready" || isSameContent(a, b);
}

/** Logs what an administrator should know of the step from one state to the next: each trouble once, and its end. */
export function logStateChange(
  logger: Logger,
  before: GrantStoreState,
  next: GrantStoreState,
): void {
  const [previousFault, fault] = [faultOf(before), faultOf(next)];
  if (fault !== null && fault.code !== previousFault?.code)
    logger.warn(fault.message, { code: fault.code, hint: fault.hint });
  if (fault === null && previousFault !== null) logger.info("The keychain answers again.");
  if (next.kind !== "ready") return;
  const knownAccounts = before.kind === "ready" ? before.unreadableAccounts : [];
  for (const account of next.unreadableAccounts.filter((a) => !knownAccounts.includes(a))) {
    logger.warn(
      "A record in the keychain is missing or cannot be read: it is left alone and not used.",
      { account },
    );
  }
}

function faultOf(state: GrantStoreState): Fault | null {
  return state.kind === "unread" ? null : state.fault;
}
