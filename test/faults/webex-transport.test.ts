import { describeFaults } from "../support/fault-harness.js";
import {
  LATER_PAGES,
  meetAnswers,
  PAGES,
  recover,
  startWithSeveralPages,
  wait,
  type WrongAnswer,
} from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

/** A silent connection is given up after 20 s. */
const SILENCE_MS = 20_000 + 2_500;

const brokenConnections: readonly WrongAnswer[] = [
  { rule: { kind: "reset" }, code: "webexUnreachable", text: /reset|closed the connection/ },
  { rule: { kind: "truncate" }, code: "webexUnreachable", text: /in the middle of a response/ },
];

describeFaults("Webex's transport", [
  {
    fault: "Webex resets each connection, or closes it in the middle of a body",
    made: "the server destroys the socket instead of responding, then after half of the body",
    shown: "`webexUnreachable` that says which; records keep their age",
    heals: "by itself, within one interval of the first response",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      await meetAnswers(trial, brokenConnections, PAGES);
      await wait(trial);
      await recover(trial);
    },
  },
  {
    fault: "Webex breaks off later pages",
    made: "the same, for the second of three pages",
    shown: "`webexUnreachable`; the first page stays as fresh as it is",
    heals: "by itself, within one interval of the first response; the sweep goes on where it was",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      await meetAnswers(trial, brokenConnections, LATER_PAGES);
      await recover(trial);
    },
  },
  {
    fault: "Webex accepts requests and does not respond",
    made: "every connection stays open and silent, also after the cause has ended",
    shown: "`webexUnreachable` after 10 s, while the request still waits",
    heals: "by itself: a silent connection is given up after 20 s, and the next one is new",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      webex.fail({ kind: "hang", ...PAGES, times: null });
      await trial.expectProblem("webexUnreachable", /has not responded for more than 10 s/);
      await recover(trial, SILENCE_MS);
    },
  },
]);
