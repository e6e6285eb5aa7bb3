import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
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
const serverErrors: readonly WrongAnswer[] = [
  { rule: { kind: "status", status: 500, body: "webex" }, code, text: /\(500\): .*Tracking ID/ },
  { rule: { kind: "status", status: 501, body: "empty" }, code, text: /\(501, empty body\)/ },
  { rule: { kind: "status", status: 502 }, code, text: /\(502, page "Bad gateway"\)/ },
  { rule: { kind: "status", status: 503, body: "empty" }, code, text: /\(503, empty body\)/ },
  { rule: { kind: "status", status: 504, body: { odd: 1 } }, code, text: /\(504\)/ },
  { rule: { kind: "gateway", form: "envoy" }, code, text: /\(503, Server: istio-envoy\)/ },
];
const foreign = /Something other than Webex responded/;
const foreignAnswers: readonly WrongAnswer[] = [
  ...[400, 401, 403, 404, 410].map((status) => ({
    rule: { kind: "gateway", form: "webServer", status } as const,
    code,
    text: new RegExp(`${foreign.source}.*\\(${status}, Server: nginx`),
  })),
  ...[400, 403, 404].map((status) => ({
    rule: { kind: "status", status, body: "empty" } as const,
    code,
    text: new RegExp(`${foreign.source}.*\\(${status}, empty body\\)`),
  })),
  {
    rule: { kind: "status", status: 403, body: { error: "blocked" } },
    code,
    text: /Something other.*\(403\)/,
  },
  { rule: { kind: "gateway", form: "firewall" }, code, text: /\(403, page "Web Page Blocked"\)/ },
];
describeFaults("Webex's errors", [
  {
    fault: "Webex answers the list of people with 5xx",
    made: "500, 501, 502, 503 and 504 in Webex's form, as HTML, as JSON of another form and without a body, one after another",
    shown: "`webexError` with status and tracking ID; records keep their age; nobody is blocked",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      await meetAnswers(trial, serverErrors, PAGES);
      await expectPolling(trial);
      await wait(trial);
      await recover(trial);
    },
  },
  {
    fault: "Webex answers only later pages with 5xx",
    made: "the same, for the second of three pages",
    shown: "`webexError`; the first page stays fresh, and nobody on the others is taken for gone",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      await meetAnswers(trial, serverErrors.slice(0, 3), LATER_PAGES);
      const last = trial.harness.webex.people(0).at(-1)?.emails[0] ?? "";
      await recover(trial);
      expect((await trial.harness.get(last)).reason).to.equal(null);
    },
  },
  {
    fault: "Something before Webex answers with 4xx",
    made: "400, 401, 403, 404 and 410 of a web server and a firewall, as HTML, without a body, as JSON of another form",
    shown:
      "`webexError` that names what responded; no authorization ends, nobody is `notFound` or blocked, no token is renewed",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      const mark = webex.mark();
      await meetAnswers(trial, foreignAnswers, PAGES);
      await expectPolling(trial);
      expect(webex.requestsSince(mark, { path: "/v1/access_token" })).to.deep.equal([]);
      await recover(trial);
    },
  },
]);
