import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { PAGES } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

interface Limit {
  readonly name: string;
  readonly status: number;
  readonly retryAfter: () => string | null;
}

/** Lets Webex reject one page, and returns how long the worker then sends nothing. */
async function meetLimit(trial: FaultTrial, limit: Limit): Promise<number> {
  const { webex } = trial.harness;
  const mark = webex.mark();
  const retryAfter = limit.retryAfter();
  const headers = retryAfter === null ? {} : { "retry-after": retryAfter };
  webex.fail({ kind: "status", status: limit.status, body: "webex", headers, ...PAGES });
  await trial.expectProblem("rateLimited", /waits until/);
  const until = (await trial.harness.status()).organizations[0]?.rateLimitedUntil;
  const requests = await trial.harness.waitFor(
    `a request after ${limit.name}`,
    () => {
      const rejected = webex.requestsSince(mark).findIndex(({ status }) => status === limit.status);
      const [first, second] = webex.requestsSince(mark).slice(rejected);
      return first !== undefined && second !== undefined ? [first, second] : null;
    },
    15_000,
  );
  const [rejected, next] = requests.map(({ at }) => at);
  expect(Date.parse(until ?? ""), "the end in the status").to.be.within(
    (next ?? 0) - 1_000,
    (next ?? 0) + 100,
  );
  await trial.harness.waitFor("the end of the problem", async () => {
    const { problems } = await trial.harness.status();
    return problems.some(({ code }) => code === "rateLimited") ? null : true;
  });
  const pauseMs = (next ?? 0) - (rejected ?? 0);
  trial.measure(`${limit.name}: ${(pauseMs / 1000).toFixed(1)} s`);
  return pauseMs;
}

const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString();

describeFaults("Webex's rate limits", [
  {
    fault: "Webex limits the rate, and says until when",
    made: "429, then 423, with `Retry-After` in seconds, as a date and as repeated headers",
    shown: "`rateLimited` with the end of the pause; not one request before it",
    heals: "by itself, at the end of the pause",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      for (const limit of [
        { name: "429 with 4", status: 429, retryAfter: () => "4" },
        { name: "429 with 1, 4", status: 429, retryAfter: () => "1, 4" },
        { name: "423 with 4", status: 423, retryAfter: () => "4" },
        { name: "429 with a date in 5 s", status: 429, retryAfter: () => inSeconds(5) },
      ])
        expect(await meetLimit(trial, limit)).to.be.within(3_900, 6_500);
      await trial.end();
      await trial.expectRecovery();
    },
  },
  {
    fault: "Webex limits the rate, and does not say until when",
    made: "429 and 423 with a `Retry-After` that is missing, 0, in the past or no time",
    shown: "`rateLimited` with the end of a pause of 5 s",
    heals: "by itself, at the end of the pause; a series of 429 doubles it, up to a minute",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      for (const limit of [
        { name: "429 without it", status: 429, retryAfter: () => null },
        { name: "429 with 0", status: 429, retryAfter: () => "0" },
        { name: "423 with a past date", status: 423, retryAfter: () => inSeconds(-60) },
        { name: "423 with text", status: 423, retryAfter: () => "soon" },
      ])
        expect(await meetLimit(trial, limit)).to.be.within(5_000, 6_500);
      await trial.end();
      await trial.expectRecovery();
    },
  },
]);
