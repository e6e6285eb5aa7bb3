// Judgements of what a host does when its worker ends, and of how it ends the worker.
import {
  describeEnd,
  failed,
  formatSeconds,
  listed,
  notObserved,
  NOT_SUBSCRIBED,
  ofSubscriber,
  ofWorker,
  passed,
  SHOWS_NOTHING,
  subscribedUris,
} from "./judgement.js";
import { FIRST_STATE } from "./presence-steps.js";
import type { EventOf, ScenarioRecord } from "./record.js";
import { EARLY_TOLERANCE_MS, END_TIMEOUT_MS, LATE_TOLERANCE_MS } from "./time-limits.js";

/** What ends the processes of the scenario `restart`, in order. */
const FAILURES = ["exit code 70", "death at its start", "exit code 70 during a request"];
const DOES_NOT_END = notObserved(
  "The host ended neither at the end of its stdin nor on SIGTERM, so it was killed.",
);

/** Each failure of the worker, with the launch that followed it. */
function restarts(record: ScenarioRecord) {
  const launches = record.all("launched");
  return launches
    .slice(0, FAILURES.length)
    .map((launched, index) => ({
      failure: FAILURES[index] ?? "",
      delayMs: (record.plan.delaysSeconds[index] ?? 0) * 1000,
      ending: record.find("ending", ({ pid }) => pid === launched.pid),
      next: launches[index + 1] ?? null,
    }))
    .filter(
      (each): each is typeof each & { ending: EventOf<"ending"> } =>
        each.ending !== null && each.ending.code !== 0,
    );
}

export const judgeRestarts = ofWorker((record) => {
  const failures = restarts(record);
  if (failures.length === 0) return NOT_SUBSCRIBED;
  const stuck = failures.find(({ next }) => next === null);
  if (stuck !== undefined) {
    const ended = record.endedEarly();
    const end = ended?.type === "hostEnded" ? ` ${describeEnd(ended)}.` : "";
    return failed(`It did not launch the worker again after ${stuck.failure}.${end}`);
  }
  return passed(`It launched the worker again after ${FAILURES.join(", ")}.`);
});

export const judgeDelays = ofWorker((record) => {
  const gaps = restarts(record).flatMap(({ delayMs, ending, next }) =>
    next === null ? [] : [{ delayMs, gapMs: next.startedAt - ending.at }],
  );
  if (gaps.length === 0) return notObserved("The host did not launch the worker again.");
  const text = gaps
    .map(({ delayMs, gapMs }) => `${formatSeconds(gapMs)} for ${formatSeconds(delayMs)}`)
    .join(", ");
  const early = gaps.some(({ delayMs, gapMs }) => gapMs < delayMs - EARLY_TOLERANCE_MS);
  if (early) return failed(`It launched the worker too early: ${text}.`);
  const late = gaps.some(({ delayMs, gapMs }) => gapMs > delayMs + LATE_TOLERANCE_MS);
  if (late) return failed(`It launched the worker too late: ${text}.`);
  return passed(`It waited ${text}.`);
});

export const judgeResubscription = ofSubscriber((record) => {
  const launches = record.all("launched");
  const [first] = launches;
  const last = launches[FAILURES.length];
  if (first === undefined || last === undefined)
    return notObserved("The host did not launch the worker often enough.");
  const before = [...subscribedUris(record, first.pid)].sort();
  const after = [...subscribedUris(record, last.pid)].sort();
  if (after.length === 0) return failed("It did not subscribe at the new worker.");
  if (JSON.stringify(before) !== JSON.stringify(after))
    return failed(`It subscribed to ${listed(after)} instead of ${listed(before)}.`);
  return passed("It subscribed to the same addresses at the new worker.");
});

/** Judges by the order of what is shown: a busy machine delays what the host prints. */
export const judgeMeanwhile = ofSubscriber((record, uri) => {
  const ending = record.first("ending");
  if (ending === null) return NOT_SUBSCRIBED;
  const shown = record.shown(uri);
  const start = shown.findIndex(({ state }) => state === FIRST_STATE);
  if (start === -1) return SHOWS_NOTHING;
  const later = shown.slice(start + 1);
  const end = later.findIndex(({ state }) => state === FIRST_STATE);
  const meanwhile = end === -1 ? later : later.slice(0, end);
  const [first] = meanwhile;
  if (first === undefined)
    return failed(`Without a worker, it kept showing ${FIRST_STATE}, as the last one had said.`);
  const otherState = meanwhile.find(({ state }) => state !== "unknown");
  if (otherState !== undefined) return failed(`Without a worker, it showed ${otherState.state}.`);
  const waitedMs = Math.max(0, first.at - ending.at);
  return passed(`It showed unknown ${formatSeconds(waitedMs)} after the exit.`);
});

export const judgeCleanExit = ofWorker((record) => {
  const ending = record.find("ending", ({ code }) => code === 0);
  const [, relaunched] = record.all("launched");
  if (ending === null) return NOT_SUBSCRIBED;
  if (relaunched !== undefined)
    return failed(
      `It launched the worker again ${formatSeconds(relaunched.startedAt - ending.at)} after its exit.`,
    );
  return passed("It did not launch the worker again.");
});

/** Whether the host has done anything to end its worker since it was told to end. */
function hasReacted(record: ScenarioRecord): boolean {
  const requestedAt = record.first("endRequested")?.at ?? Infinity;
  const isAfter = ({ at }: { readonly at: number }): boolean => at >= requestedAt;
  return (
    record.first("hostEnded") !== null ||
    [...record.received("shutdown"), ...record.received("exit"), ...record.all("inputEnded")].some(
      isAfter,
    )
  );
}

export const judgeShutdown = ofWorker((record) => {
  const early = record.endedEarly();
  if (early !== null) return failed(`${describeEnd(early)} before it was told to.`);
  if (!hasReacted(record)) return DOES_NOT_END;
  const [shutdown] = record.received("shutdown");
  const [exit] = record.received("exit");
  if (shutdown === undefined && exit === undefined)
    return failed("It sent neither shutdown nor exit: it just ended the worker.");
  if (shutdown === undefined) return failed("It sent exit without shutdown.");
  const responded = record.find("responded", ({ method }) => method === "shutdown");
  if (exit === undefined)
    return failed(
      responded === null
        ? "It sent shutdown, and did not wait for its response."
        : "It sent shutdown, but no exit.",
    );
  if (responded === null || exit.at < responded.at)
    return failed("It sent exit before the response to shutdown.");
  return passed("It sent shutdown, and exit after its response.");
});

export const judgeLastWait = ofWorker((record) => {
  const [exit] = record.received("exit");
  if (exit === undefined) return notObserved("The host sent no exit.");
  const ending = record.first("ending");
  if (ending === null) return failed("It killed the worker before it could end by itself.");
  const hostEnded = record.first("hostEnded");
  if (hostEnded === null)
    return failed(`It still ran ${formatSeconds(END_TIMEOUT_MS)} after it was told to end.`);
  if (hostEnded.at < ending.at)
    return failed(`It ended ${formatSeconds(ending.at - hostEnded.at)} before its worker.`);
  if (hostEnded.code !== 0) return failed(`${describeEnd(hostEnded)}, after its worker.`);
  return passed("It ended after its worker, with exit code 0.");
});

/** Of a worker that ends by no other means than being killed. */
export const judgeKill = ofWorker((record) => {
  if (record.reached("done") === null) return notObserved("The scenario did not come to its end.");
  if (!hasReacted(record)) return DOES_NOT_END;
  if (record.first("workerLeft") !== null)
    return failed("It ended, and the worker still runs: it is an orphan.");
  const requestedAt = record.first("endRequested")?.at ?? 0;
  const gone = record.first("workerGone");
  if (gone === null || record.first("hostKilled") !== null)
    return failed(`Neither it nor the worker had ended after ${formatSeconds(END_TIMEOUT_MS)}.`);
  return passed(`It ended the worker after ${formatSeconds(gone.at - requestedAt)}.`);
});
