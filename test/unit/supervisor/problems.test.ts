import { expect } from "chai";

import { refreshRefused } from "../../../src/authorization/grant-status.js";
import { Fault } from "../../../src/faults/fault.js";
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

  it("names the log that contains the address of the authorization page", () => {
    const hint = (logFile: string | null) => {
      const observed = { ...observedState({ enable: true, grants: [] }), logFile };
      const problem = detectProblems(observed).find(({ code }) => code === "authorizationRequired");
      return problem?.text.hint;
    };
    expect(hint("/log/worker.log")).to.include("open the address in /log/worker.log or in");
    expect(hint(null)).to.include("open the address in the log or in");
  });

  for (const [reason, message] of [
    ["used", /^Port 8468 of this machine is in use by another program/],
    ["reserved", /^The system has reserved port 8468/],
    ["redirectPort", /^Port 8468 is WebexPresence.RedirectPort, too/],
  ] as const) {
    it(`says why there is no dashboard: ${reason}`, () => {
      const observed = observedState({ enable: true, grants: ["a"] });
      const dashboardConflict = { port: 8468, reason };
      const problems = detectProblems({ ...observed, dashboardConflict });
      expect(problems.map(({ code }) => code)).to.deep.equal(["dashboardPortInUse"]);
      expect(problems[0]?.text.message).to.match(message).and.to.include("not affected");
      expect(problems[0]?.text.hint).to.include("WebexPresence.DashboardPort");
    });
  }

  it("reports the keychain before the settings are read", () => {
    expect(codes({ enable: null, grants: "unavailable" })).to.deep.equal(["keychainLocked"]);
  });

  for (const [error, remedy] of [
    ["invalid_grant", /authorize again/],
    ["invalid_client", /ucx-webex-presence secret client/],
    ["tokenlimit_reached", /^The cause's own hint\.$/],
  ] as const) {
    it(`names the remedy for a grant that is refused with ${error}`, () => {
      const cause = new Fault("grantRefused", "Webex refused.", {
        hint: "The cause's own hint.",
        data: { error },
      });
      const observed = observedState({ enable: true, grants: ["a"], refused: ["a"] });
      const fault = refreshRefused("a", cause);
      const grantStatuses = observed.grantStatuses.map((status) => ({ ...status, fault }));
      const problems = detectProblems({ ...observed, grantStatuses });
      const expired = problems.find(({ code }) => code === "authorizationExpired");
      expect(expired?.text.message).to.include('"Org a"');
      expect(expired?.text.hint).to.match(remedy);
    });
  }
});
