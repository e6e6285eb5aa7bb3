// Judgements of what a host subscribes to, shows, and asks about.
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
  type Judgement,
} from "./judgement.js";
import {
  LAST_STATE,
  PRESENCE_STEPS,
  STATE_AFTER_ERRORS,
  STATE_AFTER_FOREIGN,
  STATE_AFTER_UNEXPECTED,
} from "./presence-steps.js";
import type { EventOf, ScenarioRecord } from "./record.js";

/** A host may ask once at its start. More is a timer. */
const MAX_UNASKED_QUERIES = 1;
const NO_DECISION = notObserved(
  "The host did not take an address on stdin as an operator's decision.",
);

export const judgeSubscription = ofWorker((record) => {
  const accepted = record.find(
    "responded",
    ({ method, error }) => method === "presence/subscribe" && error === null,
  );
  if (accepted === null) return failed("It did not subscribe.");
  const [first = "", ...others] = subscribedUris(record, accepted.pid);
  const count = others.length === 0 ? first : `${first} and ${others.length} more`;
  return passed(`It subscribed to ${count}.`);
});

/** What the host showed, with the position of each known state of the steps; -1 = not shown. */
function readSteps(record: ScenarioRecord, uri: string) {
  const shown = record.shown(uri).map(({ state }) => state);
  let from = 0;
  const positions = [...PRESENCE_STEPS.map(({ state }) => state), LAST_STATE].map((state) => {
    const position = shown.indexOf(state, from);
    if (position !== -1) from = position + 1;
    return position;
  });
  return { shown, positions };
}

export const judgeStates = ofSubscriber((record, uri) => {
  const { shown, positions } = readSteps(record, uri);
  if (record.shown(uri).length === 0) return SHOWS_NOTHING;
  const missing = PRESENCE_STEPS.filter((_, index) => positions[index] === -1);
  if (missing.length === 0) return passed("It showed each state as it was sent.");
  const names = missing.map(({ state }) => state).join(", ");
  return failed(`It did not show ${names} in turn, but: ${listed(shown)}.`);
});

export const judgeUnknown = ofSubscriber((record, uri) => {
  const { shown, positions } = readSteps(record, uri);
  if (shown.length === 0) return SHOWS_NOTHING;
  /** What was shown instead, with the reasons. */
  const reasonsByState = new Map<string, string[]>();
  let count = 0;
  for (const [index, { thenUnknown }] of PRESENCE_STEPS.entries()) {
    const start = positions[index] ?? -1;
    const end = positions[index + 1] ?? -1;
    if (start === -1 || end === -1) continue;
    count += 1;
    const between = shown.slice(start + 1, end);
    if (between.length > 0 && between.every((each) => each === "unknown")) continue;
    const instead = between.length === 0 ? "the last state" : between.join(", ");
    reasonsByState.set(instead, [...(reasonsByState.get(instead) ?? []), thenUnknown]);
  }
  if (reasonsByState.size > 0) {
    const list = [...reasonsByState].map(
      ([instead, reasons]) => `${instead} for ${reasons.join(", ")}`,
    );
    return failed(`It showed ${list.join("; ")}.`);
  }
  if (count === 0) return notObserved("The states before and after were not shown.");
  return passed(`It showed unknown for all ${count} reasons.`);
});

export const judgeForeignSubscription = ofSubscriber((record, uri) => {
  const { shown, positions } = readSteps(record, uri);
  if (shown.length === 0) return SHOWS_NOTHING;
  const start = positions.at(-1) ?? -1;
  const end = start === -1 ? -1 : shown.indexOf(STATE_AFTER_FOREIGN, start + 1);
  if (end === -1) return notObserved("The states before and after were not shown.");
  const between = shown.slice(start + 1, end);
  if (between.length === 0) return passed("It ignored the change.");
  return failed(`It showed ${between.join(", ")}.`);
});

/** Judges that the host still runs, and shows the next change if it shows any. */
function judgeNextChange(record: ScenarioRecord, uri: string, state: string): Judgement {
  const changed = record.find("changed", (event) => event.uri === uri && event.state === state);
  const early = record.endedEarly();
  if (early !== null) return failed(`${describeEnd(early)}.`);
  if (changed === null) return failed("The scenario did not come to its end.");
  const shown = record.shown(uri);
  if (shown.length === 0) return passed("It went on. (It prints no lines of what it shows.)");
  if (shown.some((event) => event.at >= changed.at && event.state === state))
    return passed("It went on and showed the next change.");
  return failed("It went on, but did not show the next change.");
}

export const judgeUnexpectedMessages = ofSubscriber((record, uri) => {
  const early = record.endedEarly();
  // What ends a host later is another requirement's.
  const hasSurvived = record.reached("unexpectedSent") !== null;
  if (early !== null && !hasSurvived) return failed(`${describeEnd(early)}.`);
  const before = hasSurvived
    ? record.events.filter(({ type }) => type !== "hostEnded" && type !== "workerGone")
    : record.events;
  return judgeNextChange(record.with(before), uri, STATE_AFTER_UNEXPECTED);
});

export const judgeErrorResponses = ofSubscriber((record, uri) => {
  if (record.reached("unexpectedSent") === null)
    return notObserved("The host had ended before an error response could be sent.");
  const errors = record.all("responded").filter(({ error }) => (error?.code ?? 0) !== 0);
  if (errors.length === 0) return NO_DECISION;
  return judgeNextChange(record, uri, STATE_AFTER_ERRORS);
});

/** Queries of the host, with the time of the decision that each follows. */
function queries(record: ScenarioRecord, matches: (parameters: QueryParameters) => boolean) {
  return record.all("received").filter(({ method, params }) => {
    if (method !== "presence/get" && method !== "presence/getMany") return false;
    return matches(parametersOf(params));
  });
}

interface QueryParameters {
  readonly uri?: unknown;
  readonly uris?: readonly unknown[];
  readonly maxAgeSeconds?: unknown;
}

function parametersOf(params: unknown): QueryParameters {
  const parameters: unknown = Array.isArray(params) ? params[0] : params;
  return typeof parameters === "object" && parameters !== null ? parameters : {};
}

function isAbout({ uri, uris }: QueryParameters, address: string): boolean {
  return uri === address || (Array.isArray(uris) && uris.includes(address));
}

function queryAfter(record: ScenarioRecord, asked: EventOf<"asked">) {
  return queries(record, (parameters) => isAbout(parameters, asked.uri)).find(
    ({ at }) => at >= asked.at,
  );
}

export const judgeDecision = ofSubscriber((record) => {
  const asked = record.first("asked");
  const query = asked === null ? undefined : queryAfter(record, asked);
  if (asked === null || query === undefined) return NO_DECISION;
  const { maxAgeSeconds } = parametersOf(query.params);
  if (maxAgeSeconds === 0)
    return passed(
      `It sent ${query.method ?? ""} with maxAgeSeconds 0 after ${formatSeconds(query.at - asked.at)}.`,
    );
  const sent =
    maxAgeSeconds === undefined ? "without maxAgeSeconds" : `with ${listed({ maxAgeSeconds })}`;
  return failed(`It sent ${query.method ?? ""} ${sent}.`);
});

export const judgeFreshness = ofSubscriber((record) => {
  const asked = record.all("asked");
  const answers = record.all("shown").filter(({ freshness }) => freshness !== null);
  const [first] = asked;
  if (first === undefined || queryAfter(record, first) === undefined) return NO_DECISION;
  if (answers.length === 0) return notObserved("The host printed no line for the decision.");
  const shown = answers.map(({ freshness }) => freshness);
  if (shown[0] !== "fresh") return failed(`It printed "${shown[0]}" for an answer of this moment.`);
  if (shown[1] === undefined) return notObserved("The host printed one line for two decisions.");
  if (shown[1] !== "not fresh")
    return failed(`It printed "${shown[1]}" for a record that Webex confirmed a minute ago.`);
  return passed("It told a fresh answer from an old one.");
});

export const judgeTimer = ofSubscriber((record) => {
  const until = record.first("asked")?.at ?? record.first("endRequested")?.at ?? Infinity;
  const unasked = queries(record, ({ maxAgeSeconds }) => maxAgeSeconds !== undefined).filter(
    ({ at }) => at < until,
  );
  const launchedAt = record.first("launched")?.at ?? 0;
  const last = record.events.findLast(({ at }) => at <= until);
  const watched = formatSeconds((last?.at ?? launchedAt) - launchedAt);
  if (unasked.length <= MAX_UNASKED_QUERIES)
    return passed(`In ${watched} without a decision, it sent ${unasked.length || "none"}.`);
  return failed(`In ${watched} without a decision, it sent ${unasked.length}.`);
});

export const judgeWaiting = ofWorker((record) => {
  if (record.all("received").length === 0) return notObserved("The host sent no message.");
  const early = record.endedEarly();
  if (early === null) return passed("It waited for each response.");
  const launchedAt = record.first("launched")?.at ?? early.at;
  return failed(`${describeEnd(early)} after ${formatSeconds(early.at - launchedAt)}.`);
});

export const judgeRepetition = ofWorker((record, { pid }) => {
  const pending = new Set<string>();
  let count = 0;
  for (const event of record.events) {
    if (event.type === "received" && event.pid === pid && event.id !== undefined) {
      const { method, params } = event;
      const key = `${method ?? ""} ${JSON.stringify(params)}`;
      if (pending.has(key)) return failed(`It sent ${method ?? ""} again before the response.`);
      pending.add(key);
      count += 1;
    } else if (event.type === "responded" && event.pid === pid) {
      for (const key of pending) if (key.startsWith(`${event.method} `)) pending.delete(key);
    }
  }
  if (count === 0) return notObserved("The host sent no request.");
  const asked = record.first("asked");
  const decision = asked !== null && queryAfter(record, asked) !== undefined;
  const scope = decision ? "the decision included" : "but it took no decision on stdin";
  return passed(`It sent each of ${count} requests once, ${scope}.`);
});

function judgeFlood(step: "outputRead" | "errorOutputRead", what: string) {
  return ofWorker((record) => {
    if (record.reached("flooding") === null) return NOT_SUBSCRIBED;
    const read = record.reached(step);
    if (read !== null)
      return passed(`It read ${what} in ${formatSeconds((read.seconds ?? 0) * 1000)}.`);
    const early = record.endedEarly();
    if (early !== null) return failed(`${describeEnd(early)} before it had read ${what}.`);
    return failed(`It did not read ${what}: it stopped, or took too long.`);
  });
}

export const judgeOutput = judgeFlood("outputRead", "100,000 changes");
export const judgeErrorOutput = judgeFlood("errorOutputRead", "1 MB of stderr");
