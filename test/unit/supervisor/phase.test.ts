import { expect } from "chai";
import fc from "fast-check";

import {
  INITIAL_STATE,
  transition,
  type SupervisorEvent,
  type SupervisorState,
} from "../../../src/supervisor/phase.js";

const EVENTS: Readonly<Record<string, SupervisorEvent>> = {
  enable: { kind: "settingsRead", enabled: true },
  disable: { kind: "settingsRead", enabled: false },
  shutGate: { kind: "gateChanged", shut: true },
  openGate: { kind: "gateChanged", shut: false },
  noGrant: { kind: "grantsRead", organizations: [] },
  oneGrant: { kind: "grantsRead", organizations: ["a"] },
  twoGrants: { kind: "grantsRead", organizations: ["a", "b"] },
  refuseA: { kind: "askingChanged", orgId: "a", asking: false },
  askA: { kind: "askingChanged", orgId: "a", asking: true },
  stop: { kind: "stopRequested" },
};

function after(...names: string[]): { state: SupervisorState; effects: string[] } {
  let state = INITIAL_STATE;
  let effects: string[] = [];
  for (const name of names) {
    const result = transition(state, EVENTS[name]!);
    state = result.state;
    effects = result.effects.map((e) => `${e.kind} ${e.orgId}`);
  }
  return { state, effects };
}

describe("supervisor/phase", () => {
  const PATHS: Readonly<Record<string, string[]>> = {
    starting: [],
    "starting, keychain not read": ["enable"],
    disabled: ["oneGrant", "disable"],
    "blocked, no grant": ["enable", "noGrant"],
    "blocked, gate": ["enable", "oneGrant", "shutGate"],
    "blocked, refused": ["enable", "oneGrant", "refuseA"],
    polling: ["enable", "oneGrant"],
    stopping: ["stop"],
  };

  // One row a state, one column an event: the phase that follows and what is done.
  const TABLE: Readonly<Record<string, Readonly<Record<string, [string, string[]]>>>> = {
    starting: {
      enable: ["starting", []],
      disable: ["disabled", []],
      shutGate: ["starting", []],
      openGate: ["starting", []],
      noGrant: ["starting", []],
      oneGrant: ["starting", []],
      twoGrants: ["starting", []],
      refuseA: ["starting", []],
      askA: ["starting", []],
      stop: ["stopping", []],
    },
    "starting, keychain not read": {
      enable: ["starting", []],
      disable: ["disabled", []],
      shutGate: ["blocked", []],
      openGate: ["starting", []],
      noGrant: ["blocked", []],
      oneGrant: ["polling", ["run a"]],
      twoGrants: ["polling", ["run a", "run b"]],
      refuseA: ["starting", []],
      askA: ["starting", []],
      stop: ["stopping", []],
    },
    disabled: {
      enable: ["polling", ["run a"]],
      disable: ["disabled", []],
      shutGate: ["disabled", []],
      openGate: ["disabled", []],
      noGrant: ["disabled", []],
      oneGrant: ["disabled", []],
      twoGrants: ["disabled", []],
      refuseA: ["disabled", []],
      askA: ["disabled", []],
      stop: ["stopping", []],
    },
    "blocked, no grant": {
      enable: ["blocked", []],
      disable: ["disabled", []],
      shutGate: ["blocked", []],
      openGate: ["blocked", []],
      noGrant: ["blocked", []],
      oneGrant: ["polling", ["run a"]],
      twoGrants: ["polling", ["run a", "run b"]],
      refuseA: ["blocked", []],
      askA: ["blocked", []],
      stop: ["stopping", []],
    },
    "blocked, gate": {
      enable: ["blocked", []],
      disable: ["disabled", []],
      shutGate: ["blocked", []],
      openGate: ["polling", ["run a"]],
      noGrant: ["blocked", []],
      oneGrant: ["blocked", []],
      twoGrants: ["blocked", []],
      refuseA: ["blocked", []],
      askA: ["blocked", []],
      stop: ["stopping", []],
    },
    "blocked, refused": {
      enable: ["blocked", []],
      disable: ["disabled", ["halt a"]],
      shutGate: ["blocked", ["halt a"]],
      openGate: ["blocked", []],
      noGrant: ["blocked", ["halt a"]],
      oneGrant: ["blocked", []],
      twoGrants: ["polling", ["run b"]],
      refuseA: ["blocked", []],
      askA: ["polling", []],
      stop: ["stopping", ["halt a"]],
    },
    polling: {
      enable: ["polling", []],
      disable: ["disabled", ["halt a"]],
      shutGate: ["blocked", ["halt a"]],
      openGate: ["polling", []],
      noGrant: ["blocked", ["halt a"]],
      oneGrant: ["polling", []],
      twoGrants: ["polling", ["run b"]],
      refuseA: ["blocked", []],
      askA: ["polling", []],
      stop: ["stopping", ["halt a"]],
    },
    stopping: Object.fromEntries(Object.keys(EVENTS).map((name) => [name, ["stopping", []]])),
  };

  for (const [from, row] of Object.entries(TABLE)) {
    it(`walks every event from ${from}`, () => {
      expect(Object.keys(row)).to.have.members(Object.keys(EVENTS));
      for (const [name, [phase, effects]] of Object.entries(row)) {
        const result = after(...PATHS[from]!, name);
        expect([name, result.state.phase, result.effects]).to.deep.equal([name, phase, effects]);
      }
    });
  }

  it("runs exactly what the state says, whatever the order of events", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...Object.values(EVENTS)), { maxLength: 30 }),
        (events) => {
          let state = INITIAL_STATE;
          const running = new Set<string>();
          for (const event of events) {
            const result = transition(state, event);
            state = result.state;
            for (const effect of result.effects) {
              if (effect.kind === "run") {
                expect(running.has(effect.orgId)).to.equal(false);
                running.add(effect.orgId);
              } else {
                expect(running.delete(effect.orgId)).to.equal(true);
              }
            }
            if (state.phase === "polling" || state.phase === "blocked")
              expect([...running]).to.have.members([...state.running]);
            else expect(running.size).to.equal(0);
            if (state.phase === "polling") expect(running.size).to.be.greaterThan(0);
          }
        },
      ),
    );
  });
});
