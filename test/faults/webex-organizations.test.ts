import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { recover } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

/** Enough that a limit on the connections to one server would be reached. */
const SILENT_ORGANIZATIONS = 12;
const PERSONS = 30;
/** A silent request is given up after 20 s, and the one after it needs a new connection. */
const SILENCE_MS = 20_000 + 5_000;
/** A caller that decides waits for one response; the machine may be busy. */
const MAX_DECISION_MS = 1_500;
const DECISIONS = 10;

/** One organization that works, and twelve whose requests will get no response. */
function startWithOrganizations(): Promise<WorkerHarness> {
  return WorkerHarness.startPolling({
    organizations: Array.from({ length: 1 + SILENT_ORGANIZATIONS }, (_, index) => ({
      name: `Company ${index}`,
      persons: PERSONS,
      seed: index + 1,
    })),
  });
}

/** Callers wait for persons of the silent organizations, and for one of the first. */
async function decideBesides(trial: FaultTrial): Promise<number> {
  const { host, webex } = trial.harness;
  const waiting = webex.organizations.slice(1).map(({ index }) => {
    const uris = webex.people(index).flatMap(({ emails }) => emails.slice(0, 1));
    const params = { uris: uris.slice(0, 10), maxAgeSeconds: 0, maxWaitMs: 1_000 };
    return host.request("presence/getMany", params);
  });
  const uri = trial.watched[0] ?? "";
  const { record, calledAt, elapsedMs } = await trial.harness.decide(uri, { maxWaitMs: 10_000 });
  expect(Date.parse(record.observedAt ?? ""), "observed").to.be.at.least(calledAt);
  await Promise.all(waiting);
  return elapsedMs;
}

describeFaults("several organizations", [
  {
    fault: "Webex does not respond for some organizations",
    made: "each request of twelve organizations stays without a response; callers wait for their persons, and for one of a thirteenth",
    shown:
      "`webexUnreachable` for each of the twelve; the thirteenth has no problem, and decisions on its persons are as quick as ever",
    heals: "by itself: a silent connection is given up after 20 s, and the next one is new",
    timeoutMs: 120_000,
    run: async (trial) => {
      await trial.watch(await startWithOrganizations());
      const { harness } = trial;
      const { webex } = harness;
      const [working, ...silent] = webex.organizations.map(({ id }) => id);
      for (const orgId of silent) webex.fail({ kind: "hang", orgId, times: null });
      const durations: number[] = [];
      for (let i = 0; i < DECISIONS; i += 1) durations.push(await decideBesides(trial));
      trial.measure(`decisions within ${Math.ceil(Math.max(...durations))} ms`);
      expect(Math.max(...durations), "the longest decision").to.be.below(MAX_DECISION_MS);
      await harness.waitFor(
        "the problem of each silent organization",
        async () => {
          const { problems } = await harness.status();
          const affected = problems.filter(({ code }) => code === "webexUnreachable");
          return affected.length === silent.length ? true : null;
        },
        15_000,
      );
      const { problems } = await harness.status();
      expect(problems.filter(({ orgId }) => orgId === working)).to.deep.equal([]);
      await trial.expectPresence();
      await recover(trial, SILENCE_MS);
    },
  },
]);
