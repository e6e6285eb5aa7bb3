import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  expectPolling,
  LATER_PAGES,
  meetAnswers,
  PAGES,
  recover,
  startWithSeveralPages,
  wait,
  type WrongAnswer,
} from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const code = "webexError";
const undecodable: readonly WrongAnswer[] = [
  { rule: { kind: "truncatedJson" }, code, text: /is not JSON, or is incomplete/ },
  { rule: { kind: "shortLength" }, code, text: /ends in the middle of its compressed data/ },
  { rule: { kind: "unknownCoding" }, code, text: /is encoded as "compress"/ },
  { rule: { kind: "truncatedGzip" }, code, text: /ends in the middle of its compressed data/ },
  { rule: { kind: "gzipBomb" }, code, text: /inflates to more than 200 times/ },
];
const otherForms: readonly WrongAnswer[] = [
  { rule: { kind: "status", status: 200 }, code, text: /HTML or XML page instead of JSON/ },
  { rule: { kind: "gateway", form: "captivePortal" }, code, text: /"Guest network: sign in"/ },
  { rule: { kind: "status", status: 200, body: "empty" }, code, text: /has no body/ },
  { rule: { kind: "status", status: 200, body: { message: "x" } }, code, text: /no list of items/ },
  {
    rule: { kind: "status", status: 200, body: { items: [1, {}, { id: 5 }] } },
    code,
    text: /a list of something other than people/,
  },
];

/** Everybody's record is still what Webex last said. */
async function expectNobodyGone(trial: FaultTrial): Promise<void> {
  const uris = trial.harness.webex.people(0).map(({ emails }) => emails[0] ?? "");
  const params = { uris };
  const answer = await trial.harness.host.request("presence/getMany", params);
  const { records } = answer as { records: { reason: string | null }[] };
  expect(records.filter(({ reason }) => reason === "notFound")).to.deep.equal([]);
}

describeFaults("Webex's bodies", [
  {
    fault: "Pages cannot be decoded",
    made: "JSON that ends in the middle, a Content-Length of half of the body, an unknown coding, gzip data that end in the middle or inflate to 80 MB",
    shown: "`webexError` that says which; records keep their age",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      await meetAnswers(trial, undecodable, PAGES);
      await recover(trial);
    },
  },
  {
    fault: "Later pages cannot be decoded",
    made: "the same, for the second of three pages",
    shown: "`webexError`; the first page stays fresh, and nobody on the others is taken for gone",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      await meetAnswers(trial, undecodable.slice(0, 3), LATER_PAGES);
      await expectNobodyGone(trial);
      await recover(trial);
    },
  },
  {
    fault: "Something else than a list of people comes with 200",
    made: "HTML, a portal's page, no body, JSON without a list, a list of other things",
    shown: "`webexError` that says which; nobody is `notFound`",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      await meetAnswers(trial, otherForms, PAGES);
      await wait(trial);
      await expectPolling(trial);
      await expectNobodyGone(trial);
      await recover(trial);
    },
  },
  {
    fault: "A page has 70 MB",
    made: "70 MiB of padding in every page, not compressed",
    shown: "`webexError`: the response exceeds 64 MiB",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      webex.fail({ kind: "oversizePage", bytes: 70 * 2 ** 20, times: null });
      await trial.expectProblem("webexError", /exceeds the limit of 67108864 bytes/);
      await recover(trial);
    },
  },
]);
