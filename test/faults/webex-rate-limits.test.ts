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
  {
    fault: "The worker is switched off and on, and killed, while Webex limits the rate",
    made: "429 with `Retry-After: 20`; then `Enable` becomes 0 and 1; then SIGKILL, and the host restarts the worker",
    shown:
      "`rateLimited` with the same end of the pause each time; not one request for people before it",
    heals: "by itself, at the end of the pause",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling({ restart: true }));
      const { harness } = trial;
      const { host, webex } = harness;
      const headers = { "retry-after": "20" };
      webex.fail({ kind: "status", status: 429, body: "webex", headers, ...PAGES });
      await trial.expectProblem("rateLimited", /waits until/);
      const mark = webex.mark();
      const readEnd = async (): Promise<number> => {
        await trial.expectProblem("rateLimited", /waits until/);
        const { organizations } = await harness.status();
        return Date.parse(organizations[0]?.rateLimitedUntil ?? "");
      };
      const end = await readEnd();
      await harness.writeSettings(0);
      await harness.waitForPhase("disabled");
      await harness.writeSettings(1);
      expect(await readEnd(), "the end after the switch").to.be.within(end - 100, end + 100);
      trial.allowExit();
      const { pid } = host;
      host.kill("SIGKILL");
      await harness.waitFor("another process", () =>
        host.pid !== null && host.pid !== pid ? true : null,
      );
      await harness.authorize();
      await trial.followRestart();
      expect(await readEnd(), "the end after the crash").to.be.within(end - 100, end + 100);
      await trial.last(end - Date.now());
      await trial.end();
      await trial.expectRecovery();
      const [first] = webex.requestsSince(mark, { path: "/v1/people" });
      expect(first?.at, "the first request").to.be.at.least(end);
    },
  },
]);
