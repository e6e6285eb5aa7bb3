import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  expectPolling,
  meetAnswers,
  RENEWALS,
  recover,
  startWithShortTokens,
  wait,
  type WrongAnswer,
} from "../support/webex-answers-fixture.js";

const code = "webexError";
const foreign = /Something other than Webex responded/;
const passing: readonly WrongAnswer[] = [
  { rule: { kind: "status", status: 500, body: "webex" }, code, text: /\(500\)/ },
  { rule: { kind: "status", status: 502 }, code, text: /\(502, page "Bad gateway"\)/ },
  { rule: { kind: "status", status: 503, body: "empty" }, code, text: /\(503, empty body\)/ },
  ...[400, 401, 403, 404].map((status) => ({
    rule: { kind: "status", status } as const,
    code,
    text: new RegExp(`${foreign.source}.*\\(${status}, page`),
  })),
  { rule: { kind: "status", status: 400, body: "empty" }, code, text: /\(400, empty body\)/ },
  { rule: { kind: "status", status: 200 }, code, text: /HTML or XML page instead of JSON/ },
  { rule: { kind: "status", status: 200, body: { odd: 1 } }, code, text: /has no access_token/ },
  { rule: { kind: "truncatedJson" }, code, text: /is not JSON, or is incomplete/ },
  { rule: { kind: "redirect" }, code, text: /\(302/ },
  { rule: { kind: "truncate" }, code: "webexUnreachable", text: /in the middle of a response/ },
  { rule: { kind: "reset" }, code: "webexUnreachable", text: /reset|closed/ },
];

async function expectGrantKept({ harness }: FaultTrial): Promise<void> {
  const answer = await harness.host.request("authorization/list");
  const { authorizations } = answer as { authorizations: { state: string }[] };
  expect(authorizations.map(({ state }) => state)).to.deep.equal(["valid"]);
}

describeFaults("Webex's token endpoint", [
  {
    fault: "The renewal of the token fails for a reason that may pass",
    made: "5xx, 4xx of something before Webex, 200 with HTML or other JSON, cut-off JSON, a redirect, a body that breaks off, a reset, one after another, with tokens that last 3 s",
    shown:
      "`webexError` or `webexUnreachable`; nobody is blocked, and the authorization stays valid",
    heals: "by itself, within one interval, with the same authorization",
    timeoutMs: 240_000,
    run: async (trial) => {
      await trial.watch(await startWithShortTokens());
      await meetAnswers(trial, passing, RENEWALS);
      await expectPolling(trial);
      await wait(trial);
      await expectGrantKept(trial);
      await recover(trial);
      await expectGrantKept(trial);
    },
  },
  {
    fault: "The token endpoint limits the rate",
    made: "429 with `Retry-After: 6` to a renewal",
    shown: "`rateLimited` with the end of the pause, before which no renewal is sent",
    heals: "by itself, at the end of the pause",
    run: async (trial) => {
      await trial.watch(await startWithShortTokens());
      const { webex } = trial.harness;
      const headers = { "retry-after": "6" };
      webex.fail({ kind: "status", status: 429, body: "webex", headers, ...RENEWALS });
      const mark = webex.mark();
      await trial.expectProblem("rateLimited", /waits until/);
      await trial.end();
      await trial.expectRecovery(8_500);
      const [rejected, next] = webex.requestsSince(mark, RENEWALS);
      const pauseMs = (next?.at ?? 0) - (rejected?.at ?? 0);
      expect(pauseMs).to.be.at.least(6_000);
      trial.measure(`paused for ${(pauseMs / 1000).toFixed(1)} s`);
    },
  },
  {
    fault: "The token endpoint gives the old token again",
    made: "renewals return the access token that Webex rejects with 401",
    shown: "nothing as long as Webex accepts it; `authorizationExpired` when it does not",
    heals: "by itself, with the first token that Webex accepts",
    run: async (trial) => {
      await trial.watch(await startWithShortTokens());
      const { webex } = trial.harness;
      webex.set({ sameAccessToken: true, accessTokenSeconds: 60 });
      await trial.last(7_000);
      await trial.end(() => webex.set({ sameAccessToken: false }));
      await trial.expectRecovery();
    },
  },
]);
