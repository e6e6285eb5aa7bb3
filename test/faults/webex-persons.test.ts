import { expect } from "chai";

import type { FaultRule } from "../../simulator/faults.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { LOOKUPS, recover } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const wrongAnswers: readonly FaultRule[] = [
  { kind: "status", status: 500, body: "webex" },
  { kind: "status", status: 502 },
  { kind: "status", status: 503, body: "empty" },
  { kind: "status", status: 404 },
  { kind: "status", status: 403, body: "empty" },
  { kind: "status", status: 200 },
  { kind: "status", status: 200, body: { items: [{}] } },
  { kind: "status", status: 200, body: { odd: 1 } },
  { kind: "truncatedJson" },
  { kind: "truncatedGzip" },
  { kind: "reset" },
  { kind: "truncate" },
];

/** Asks for presence that Webex confirms now, while it answers that wrongly. */
async function askMeanwhile(
  trial: FaultTrial,
  uri: string,
  requests: Pick<FaultRule, "path" | "parameter">,
): Promise<void> {
  const { webex } = trial.harness;
  const isAsked = (mark: number): boolean =>
    webex
      .requestsSince(mark)
      .some(({ path, query }) =>
        requests.parameter === undefined
          ? path.startsWith(requests.path ?? "")
          : requests.parameter in query,
      );
  for (const rule of wrongAnswers) {
    webex.clearFaults();
    webex.fail({ ...rule, ...requests, times: null });
    const mark = webex.mark();
    // A page of the list may answer a call as well.
    for (let calls = 0; calls < 5 && !isAsked(mark); calls += 1) {
      const callMark = webex.mark();
      const { record, calledAt } = await trial.harness.decide(uri, { maxWaitMs: 3_000 });
      expect(record.reason, `the record after ${JSON.stringify(rule)}`).to.equal(null);
      const pages = webex.requestsSince(callMark).filter(({ query }) => "max" in query);
      if (pages.length === 0) expect(Date.parse(record.observedAt ?? "")).to.be.at.most(calledAt);
    }
    expect(isAsked(mark), `a request that gets ${JSON.stringify(rule)}`).to.equal(true);
  }
  trial.measure(`${wrongAnswers.length} answers`);
}

describeFaults("Webex's answers about one person", [
  {
    fault: "A lookup by e-mail fails while a caller waits",
    made: "5xx, 4xx of something before Webex, 200 with HTML or other JSON, cut-off JSON and gzip, a reset, a body that breaks off, one after another",
    shown: "the caller gets what is known with its age, never `notFound` or a newer `observedAt`",
    heals: "with the next call; the list of people goes on meanwhile",
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const uri = trial.watched[0] ?? "";
      await askMeanwhile(trial, uri, LOOKUPS);
      await recover(trial);
      const { record, calledAt } = await trial.harness.decide(uri);
      expect(Date.parse(record.observedAt ?? "")).to.be.at.least(calledAt - 50);
    },
  },
  {
    fault: "The request for a person fails whose address has changed",
    made: "the same, to `/people/{id}` of somebody whom a lookup of the old address does not find",
    shown: "the caller gets what is known; nobody is `notFound` before Webex has said so",
    heals: "with the next call: the old address is `notFound`, and the new one finds the person",
    timeoutMs: 90_000,
    run: async (trial) => {
      // The next sweep would tell as well.
      const ini = ["WebexPresence.PollIntervalSeconds=60"];
      const harness = await WorkerHarness.startPolling({ ini });
      const person = harness.webex.people(0)[10];
      const uri = person?.emails[0] ?? "";
      // The sweep that is asked for reads what the trial takes for the truth.
      harness.webex.set({ speed: 0 });
      for (const { emails } of harness.webex.people(0))
        harness.webex.setStatus(emails[0] ?? "", "active");
      await harness.host.request("worker/poll", {});
      await trial.watch(harness);
      const { webex } = trial.harness;
      webex.changeEmails(uri, ["new.name@org1.example"]);
      await askMeanwhile(trial, uri, { path: `/v1/people/${person?.id ?? ""}` });
      webex.clearFaults();
      expect((await trial.harness.decide(uri)).record.reason).to.equal("notFound");
      const { record } = await trial.harness.decide("new.name@org1.example");
      expect(record.personId).to.equal(person?.id);
    },
  },
  {
    fault: "`/people/me` fails while nobody has a status",
    made: "the same, while the administrator shares no status, and so nobody's is known",
    shown:
      "records without a status are `undetermined`; `statusSharingOff` once `/people/me` is answered, not before",
    heals: "`statusSharingOff` ends by itself with the first page that has a status",
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      for (const uri of trial.watched) trial.setStatus(uri, null);
      webex.fail({ kind: "status", status: 503, path: "/v1/people/me", times: null });
      webex.set({ sharingOff: true });
      for (let i = 0; i < 2; i += 1) await webex.nextRequest({ path: "/v1/people/me" }, 10_000);
      const { problems } = await trial.harness.status();
      expect(problems.map(({ code }) => code)).not.to.include("statusSharingOff");
      webex.clearFaults();
      await trial.expectProblem("statusSharingOff");
      await trial.end(() => webex.set({ sharingOff: false }));
      await trial.expectRecovery();
    },
  },
]);
