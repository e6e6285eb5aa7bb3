import { expect } from "chai";

import { refreshRefused } from "../../../src/authorization/grant-status.js";
import { Fault } from "../../../src/faults/fault.js";
import { detectProblems } from "../../../src/supervisor/problems.js";
import { observedState } from "../../support/observed-state-fixture.js";

describe("supervisor/problems", () => {
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
