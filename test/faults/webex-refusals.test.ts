import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { PAGES, startWithShortTokens } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";
import type { FaultRule } from "../../simulator/faults.js";

const invalidGrant = { error: "invalid_grant", error_description: "The token is not valid." };
const TOKENS = { path: "/v1/access_token" };

const refusals: readonly {
  readonly fault: string;
  readonly rule: FaultRule;
  readonly problem: string;
  readonly text: RegExp;
  readonly start?: () => Promise<WorkerHarness>;
}[] = [
  {
    fault: "Webex answers the list of people with 400 in its own form",
    rule: { kind: "status", status: 400, body: "webex", ...PAGES },
    problem: "adminRoleLost",
    text: /HTTP 400/,
  },
  {
    fault: "Webex answers the list of people with 403 in its own form",
    rule: { kind: "status", status: 403, body: "webex", ...PAGES },
    problem: "adminRoleLost",
    text: /HTTP 403/,
  },
  {
    fault: "Webex answers the list of people with 401, although the token is new",
    rule: { kind: "status", status: 401, body: "webex", ...PAGES },
    problem: "authorizationExpired",
    text: /HTTP 401/,
  },
  {
    fault: "Webex refuses to renew the token: 400 with invalid_grant",
    rule: { kind: "status", status: 400, body: invalidGrant, ...TOKENS },
    problem: "authorizationExpired",
    text: /HTTP 400/,
    start: startWithShortTokens,
  },
  {
    fault: "Webex refuses to renew the token: 401 in its usual form",
    rule: { kind: "status", status: 401, body: "webex", ...TOKENS },
    problem: "authorizationExpired",
    text: /HTTP 401/,
    start: startWithShortTokens,
  },
];

describeFaults(
  "Webex's refusals",
  refusals.map(({ fault, rule, problem, text, start }) => ({
    fault,
    made: "to every such request, after which Webex accepts the same authorization again",
    shown: `\`${problem}\`; the phase and every record are \`blocked\`; the authorization is kept`,
    heals: "when put right at Webex: at once on `worker/poll`, otherwise by itself within a minute",
    run: async (trial: FaultTrial) => {
      await trial.watch(await (start ?? WorkerHarness.startPolling)());
      const { host, webex } = trial.harness;
      webex.fail({ ...rule, times: null });
      await trial.expectProblem(problem, text);
      expect((await trial.harness.status()).phase).to.equal("blocked");
      expect((await trial.harness.get(trial.watched[0] ?? "")).reason).to.equal("blocked");
      await trial.end(async () => {
        webex.clearFaults();
        await host.request("worker/poll", {});
      });
      await trial.expectRecovery(2_500);
    },
  })),
);
