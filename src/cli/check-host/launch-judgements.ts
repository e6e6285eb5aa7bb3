// Judgements of how a host launches the worker, and of the messages that it sends.
import {
  describeEnd,
  failed,
  formatSeconds,
  listed,
  notObserved,
  ofWorker,
  passed,
  type Judge,
} from "./judgement.js";
import { NON_ASCII_ADDRESS } from "./presence-steps.js";
import { LAUNCH_TIMEOUT_MS } from "./time-limits.js";

const FIRST_MESSAGE_MS = 5_000;
/** Errors of the worker that tell of a message that it does not accept. */
const REFUSALS = [-32600, -32601, -32602];

export const judgeLaunch: Judge = (record) => {
  const launched = record.first("launched");
  const hostLaunched = record.first("hostLaunched");
  if (launched !== null) {
    const tookMs = launched.startedAt - (hostLaunched?.at ?? launched.startedAt);
    return passed(`It launched the worker after ${formatSeconds(Math.max(0, tookMs))}.`);
  }
  const ended = record.endedEarly();
  if (ended !== null) return failed(`${describeEnd(ended)} without launching the worker.`);
  return failed(`It did not launch the worker within ${formatSeconds(LAUNCH_TIMEOUT_MS)}.`);
};

export const judgeArguments = ofWorker(({ plan }, { args }) => {
  const isComplete = plan.args.every((argument, index) => args[index] === argument);
  if (isComplete) return passed("It passed the manifest's arguments first, each unchanged.");
  return failed(
    `It passed ${listed(args)} after the script, instead of ${listed(plan.args)} first.`,
  );
});

export const judgeSettingsPath = ofWorker(({ plan }, { settings }) => {
  if (settings === null) return failed("It did not pass --settings with a value.");
  if (!settings.isAbsolute) return failed(`It passed a relative path: ${listed(settings.value)}.`);
  if (settings.path !== plan.settingsPath)
    return failed(`It passed ${listed(settings.value)}, not ${listed(plan.settingsPath)}.`);
  return passed("It passed the absolute path as one argument.");
});

export const judgeHostPid = ofWorker((record, { hostPid, parentPid }) => {
  if (hostPid === null) return failed("It did not pass --host-pid with a value.");
  const { value, isAlive } = hostPid;
  if (!/^[1-9]\d*$/.test(value)) return failed(`It passed ${listed(value)}.`);
  if (!isAlive) return failed(`It passed ${value}, which is not the id of a running process.`);
  const ownPids = [parentPid, record.first("hostLaunched")?.hostPid];
  if (!ownPids.includes(Number(value)))
    return failed(
      `It passed ${value}, which is another process: the worker's parent is ${parentPid}.`,
    );
  return passed(`It passed its process id, ${value}.`);
});

export const judgeDirectLaunch = ofWorker((record, { hostPid, parentPid }) => {
  const named = Number(hostPid?.value ?? Number.NaN);
  const hostProcess = record.first("hostLaunched")?.hostPid ?? 0;
  if (parentPid === named || parentPid === hostProcess)
    return passed("The worker is a child of the host.");
  if (hostPid?.isAlive !== true)
    return notObserved("Without --host-pid, nothing tells which process the host is.");
  return failed(`Process ${parentPid} launched the worker; the host is process ${named}.`);
});

export const judgeFolder = ofWorker(({ plan }, { folder }) =>
  folder === plan.folder
    ? passed("The worker's current folder is the manifest's.")
    : failed(`The worker's current folder is ${listed(folder)}.`),
);

export const judgeRelativeCommand: Judge = (record) => {
  if (record.first("launched") !== null) return passed("It launched runtime/node of the folder.");
  const ended = record.endedEarly();
  const end = ended === null ? "" : ` ${describeEnd(ended)}.`;
  return failed(`It did not launch runtime/node of the manifest's folder.${end}`);
};

export const judgeFirstMessage = ofWorker((record, launched) => {
  const first = record.events.find(
    (event) =>
      (event.type === "received" || event.type === "unreadable") && event.pid === launched.pid,
  );
  if (first === undefined)
    return failed("It sent no message: it waits for something that the worker does not send.");
  const waited = formatSeconds(first.at - launched.at);
  if (first.at - launched.at > FIRST_MESSAGE_MS)
    return failed(`It sent its first message after ${waited}.`);
  return passed(`It sent its first message after ${waited}.`);
});

export const judgeFraming = ofWorker((record) => {
  const unreadable = record.first("unreadable");
  if (unreadable !== null) return failed(`The input was not the protocol: ${unreadable.reason}.`);
  const count = record.all("received").length;
  if (count === 0) return notObserved("The host sent no message.");
  return passed(`${count} messages, each with a valid header.`);
});

export const judgeRequests = ofWorker((record) => {
  const refused = record.find(
    "responded",
    ({ error }) => error !== null && REFUSALS.includes(error.code),
  );
  if (refused?.error !== undefined && refused.error !== null)
    return failed(`${refused.method}: ${refused.error.message} (${refused.error.code})`);
  const count = record.all("responded").length;
  if (count === 0) return notObserved("The host sent no request.");
  return passed(`${count} requests, all accepted.`);
});

export const judgeIds = ofWorker((record) => {
  const seen = new Set<string>();
  for (const { pid, id, method } of record.all("received")) {
    if (id === undefined || method === null) continue;
    const key = `${pid} ${JSON.stringify(id)}`;
    if (seen.has(key)) return failed(`The id ${listed(id)} was used twice, again by ${method}.`);
    seen.add(key);
  }
  if (seen.size === 0) return notObserved("The host sent no request.");
  return passed(`${seen.size} different ids.`);
});

export const judgeResponses = ofWorker((record) => {
  const response = record.find("received", ({ method }) => method === null);
  if (response === null) return passed("It sent requests and notifications only.");
  return failed(`It sent a response, with id ${listed(response.id)}.`);
});

export const judgeByteLength = ofWorker((record) => {
  const asked = record.first("asked");
  if (asked === null) return notObserved("The host did not subscribe, so nothing was asked.");
  const unreadable = record.find("unreadable", ({ at }) => at >= asked.at);
  if (unreadable !== null)
    return failed(`After an address with non-ASCII letters: ${unreadable.reason}.`);
  const queries = record
    .all("received")
    .filter(({ method, at }) => at >= asked.at && /^presence\/get(Many)?$/.test(method ?? ""));
  const sent = JSON.stringify(queries.map(({ params }) => params));
  if (sent.includes(JSON.stringify(NON_ASCII_ADDRESS))) return passed("The address came complete.");
  if (queries.length === 0) return notObserved("The host sent no query for the address.");
  return failed(`The address came as ${listed(queries.map(({ params }) => params))}.`);
});
