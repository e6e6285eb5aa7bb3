import { expect } from "chai";

import { detectProblems } from "../../../src/supervisor/problems.js";
import { observedState, type ObservedFacts } from "../../support/observed-state-fixture.js";

const codes = (facts: ObservedFacts): string[] =>
  detectProblems(observedState(facts)).map(({ code }) => code);

describe("supervisor/problems", () => {
  it("compares grants and client only with settings that were read", () => {
    const grants = { grants: ["a", "b"], mismatched: ["a"], refused: ["b"] };
    for (const facts of [grants, { grants: [] }]) {
      expect(codes({ enable: null, ...facts })).to.deep.equal([]);
      expect(codes({ enable: true, ...facts })).not.to.deep.equal([]);
    }
    const settings = { clientId: "another" };
    expect(codes({ enable: true, grants: ["a"], settings })).to.include("clientNotConfigured");
  });

  it("reports the keychain before the settings are read", () => {
    expect(codes({ enable: null, grants: "unavailable" })).to.deep.equal(["keychainLocked"]);
  });
});
