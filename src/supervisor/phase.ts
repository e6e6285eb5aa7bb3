/** What decides the phase. Facts come in as events; nothing else is looked at. */
interface Facts {
  /** null: the settings are not read yet. */
  readonly enabled: boolean | null;
  /** A host too old or without a licence: nothing may run. */
  readonly gateShut: boolean;
  /** Organizations with a usable grant, in the order of authorization; null: the keychain was not asked yet. */
  readonly organizations: readonly string[] | null;
  /** Organizations that Webex refuses as a whole; they are tried again slowly. */
  readonly refused: ReadonlySet<string>;
}

/** `running` lists the organizations whose polling runs: it is never empty in `polling`, and always in the phases without it. */
export type SupervisorState =
  | { readonly phase: "starting"; readonly facts: Facts }
  | { readonly phase: "disabled"; readonly facts: Facts }
  | { readonly phase: "blocked"; readonly facts: Facts; readonly running: readonly string[] }
  | { readonly phase: "polling"; readonly facts: Facts; readonly running: readonly string[] }
  | { readonly phase: "stopping" };

export type SupervisorEvent =
  | { readonly kind: "settingsRead"; readonly enabled: boolean }
  | { readonly kind: "gateChanged"; readonly shut: boolean }
  | { readonly kind: "grantsRead"; readonly organizations: readonly string[] }
  | { readonly kind: "askingChanged"; readonly orgId: string; readonly asking: boolean }
  | { readonly kind: "stopRequested" };

/** What must be done for the world to be as the new state says. */
export type SupervisorEffect =
  | { readonly kind: "run"; readonly orgId: string }
  | { readonly kind: "halt"; readonly orgId: string };

export const INITIAL_STATE: SupervisorState = {
  phase: "starting",
  facts: { enabled: null, gateShut: false, organizations: null, refused: new Set() },
};

/**
 * The lifecycle as a pure function. The phase follows from the facts alone, and the effects from the difference between what ran
 * and what must run, so that no order of events can leave an organization running in a phase without polling.
 */
export function transition(
  state: SupervisorState,
  event: SupervisorEvent,
): { state: SupervisorState; effects: SupervisorEffect[] } {
  if (state.phase === "stopping") return { state, effects: [] };
  const next: SupervisorState =
    event.kind === "stopRequested" ? { phase: "stopping" } : settle(learn(state.facts, event));
  return { state: next, effects: difference(runningIn(state), runningIn(next)) };
}

function learn(facts: Facts, event: Exclude<SupervisorEvent, { kind: "stopRequested" }>): Facts {
  switch (event.kind) {
    case "settingsRead":
      return { ...facts, enabled: event.enabled };
    case "gateChanged":
      return { ...facts, gateShut: event.shut };
    case "grantsRead": {
      const present = new Set(event.organizations);
      const refused = new Set([...facts.refused].filter((orgId) => present.has(orgId)));
      return { ...facts, organizations: event.organizations, refused };
    }
    case "askingChanged": {
      const refused = new Set(facts.refused);
      if (event.asking) refused.delete(event.orgId);
      else refused.add(event.orgId);
      return { ...facts, refused };
    }
  }
}

function settle(facts: Facts): SupervisorState {
  if (facts.enabled === null) return { phase: "starting", facts };
  if (!facts.enabled) return { phase: "disabled", facts };
  if (facts.gateShut) return { phase: "blocked", facts, running: [] };
  if (facts.organizations === null) return { phase: "starting", facts };
  const running = facts.organizations;
  const asked = running.some((orgId) => !facts.refused.has(orgId));
  return { phase: asked ? "polling" : "blocked", facts, running };
}

function runningIn(state: SupervisorState): readonly string[] {
  return state.phase === "polling" || state.phase === "blocked" ? state.running : [];
}

function difference(before: readonly string[], after: readonly string[]): SupervisorEffect[] {
  return [
    ...before
      .filter((orgId) => !after.includes(orgId))
      .map((orgId) => ({ kind: "halt" as const, orgId })),
    ...after
      .filter((orgId) => !before.includes(orgId))
      .map((orgId) => ({ kind: "run" as const, orgId })),
  ];
}
