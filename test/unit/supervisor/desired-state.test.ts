import { expect } from "chai";

import { desiredState } from "../../../src/supervisor/desired-state.js";
import { observedState, type ObservedFacts } from "../../support/observed-state-fixture.js";

const ENABLE = [null, false, true];
const HOSTS = [false, true];
const GRANTS: ObservedFacts["grants"][] = ["unread", "unavailable", [], ["a"], ["a", "b"]];
const REFUSED = [[], ["a"], ["a", "b"]];
const MISMATCHED = [[], ["a"], ["a", "b"]];

/** The whole observed space: every combination of what decides. */
function* everyCombination(): Generator<ObservedFacts> {
  for (const isStopping of [false, true])
    for (const enable of ENABLE)
      for (const isHostRejected of HOSTS)
        for (const grants of GRANTS)
          for (const refused of REFUSED)
            for (const mismatched of MISMATCHED)
              yield { isStopping, enable, isHostRejected, grants, refused, mismatched };
}

function summary(facts: ObservedFacts): string {
  const { phase, organizations, flow } = desiredState(observedState(facts));
  const states = (organizations ?? []).map(
    ({ grant, isPolling, isBlocked }) =>
      `${grant.orgId}${isPolling ? " polls" : ""}${isBlocked ? " blocked" : ""}`,
  );
  return [phase, organizations === null ? "unchanged" : states.join(", "), flow.kind].join(" | ");
}

describe("supervisor/desired-state", () => {
  // In the order of precedence: the first row whose facts match decides.
  const TABLE: [string, ObservedFacts, string][] = [
    [
      "before the settings are read",
      { enable: null, grants: ["a"] },
      "starting | unchanged | none",
    ],
    [
      "before settings and keychain are read",
      { enable: null, grants: "unread" },
      "starting | unchanged | none",
    ],
    ["disabled", { enable: false, grants: ["a"] }, "disabled | a blocked | none"],
    [
      "disabled before the keychain is read",
      { enable: false, grants: "unread" },
      "disabled | unchanged | none",
    ],
    [
      "disabled with a host that is rejected",
      { enable: false, isHostRejected: true, grants: ["a"] },
      "disabled | a blocked | none",
    ],
    [
      "with a host that is rejected",
      { enable: true, isHostRejected: true, grants: ["a"] },
      "blocked | a blocked | none",
    ],
    [
      "with a host that is rejected before the keychain is read",
      { enable: true, isHostRejected: true, grants: "unread" },
      "blocked | unchanged | none",
    ],
    [
      "enabled before the keychain is read",
      { enable: true, grants: "unread" },
      "starting | unchanged | none",
    ],
    [
      "with a keychain that was never reached",
      { enable: true, grants: "unavailable" },
      "blocked | unchanged | drain",
    ],
    ["without a grant", { enable: true, grants: [] }, "blocked |  | open"],
    ["with a grant", { enable: true, grants: ["a"] }, "polling | a polls | drain"],
    [
      "with a grant that Webex refuses",
      { enable: true, grants: ["a"], refused: ["a"] },
      "blocked | a polls blocked | open",
    ],
    [
      "with one grant of two refused",
      { enable: true, grants: ["a", "b"], refused: ["a"] },
      "polling | a polls blocked, b polls | open",
    ],
    [
      "with both grants refused",
      { enable: true, grants: ["a", "b"], refused: ["a", "b"] },
      "blocked | a polls blocked, b polls blocked | open",
    ],
    [
      "with a grant for another client",
      { enable: true, grants: ["a"], mismatched: ["a"] },
      "blocked | a blocked | open",
    ],
    [
      "with one grant of two for another client",
      { enable: true, grants: ["a", "b"], mismatched: ["b"] },
      "polling | a polls, b blocked | open",
    ],
    [
      "with Authorize=off and no grant",
      { enable: true, settings: { authorize: "off" }, grants: [] },
      "blocked |  | none",
    ],
    [
      "with another API origin than the grant's",
      { enable: true, settings: { apiUrl: "https://other.example/v1" }, grants: ["a"] },
      "blocked | a blocked | open",
    ],
    [
      "while stopping",
      { isStopping: true, enable: true, grants: ["a"] },
      "stopping | a blocked | none",
    ],
  ];

  for (const [title, facts, expected] of TABLE) {
    it(title, () => {
      expect(summary(facts)).to.equal(expected);
    });
  }

  it("opens the flow that the settings name", () => {
    const settings = { authorize: "device" as const };
    const { flow } = desiredState(observedState({ enable: true, settings, grants: [] }));
    expect(flow).to.deep.equal({ kind: "open", method: "device" });
  });

  it("keeps its promises in every combination of facts", () => {
    let combinations = 0;
    for (const facts of everyCombination()) {
      combinations += 1;
      const { phase, organizations, flow } = desiredState(observedState(facts));
      const polling = (organizations ?? []).filter(({ isPolling }) => isPolling);
      const title = JSON.stringify(facts);
      if (phase !== "polling" && phase !== "blocked") {
        expect(polling, title).to.deep.equal([]);
        expect(flow.kind, title).to.equal("none");
      }
      const unblocked = (organizations ?? []).filter(({ isBlocked }) => !isBlocked);
      expect(phase === "polling", title).to.equal(unblocked.length > 0);
      for (const { isPolling } of unblocked) expect(isPolling, title).to.equal(true);
      expect(phase === "stopping", title).to.equal(facts.isStopping);
      if (facts.isHostRejected === true) expect(polling, title).to.deep.equal([]);
      if (facts.enable !== true && facts.isStopping !== true) {
        expect(phase, title).to.equal(facts.enable === null ? "starting" : "disabled");
      }
    }
    expect(combinations).to.equal(2 * 3 * 2 * 5 * 3 * 3);
  });
});
