// How the scripted worker behaves in each scenario.
import { ProtocolError, RpcCode } from "../../rpc/errors.js";
import type { ChangeBatch } from "../../presence/presence-service.js";
import type { PresenceReason, PresenceState } from "../../presence/record.js";
import {
  CRASH_CODE,
  FLOOD_CHANGES,
  FLOOD_ERROR_BYTES,
  FOREIGN_STATE,
  FRESH_STATE,
  LAST_STATE,
  NON_ASCII_ADDRESS,
  OLD_RECORD_MS,
  PRESENCE_STEPS,
  presenceRecord,
  SLOW_RESPONSE_MS,
  STATE_AFTER_ERRORS,
  STATE_AFTER_FOREIGN,
  STATE_AFTER_UNEXPECTED,
} from "./presence-steps.js";
import type { ScenarioId } from "./record.js";
import type { ScriptedWorker } from "./scripted-worker.js";

/** The scenario is over when it resolves, or when the process exits. */
type Script = (worker: ScriptedWorker) => Promise<void>;

/** Between two changes, so that a host that shows only the latest state shows each. */
const STEP_MS = 60;
/** How long a host may take to show a change. */
const SHOW_MS = 400;
/** How long a host is watched for queries that nobody asked for. */
const QUIET_MS = 2_000;
const SHORT_RUN_MS = 300;
const EXIT_MS = 800;
const RESTART_SUBSCRIBE_MS = 5_000;
const CHANGES_PER_NOTIFICATION = 500;
const FLOOD_FLUSH_MS = 20_000;
/** A host that has read nothing for so long does not read. */
const STALL_MS = 5_000;
const ERROR_OUTPUT_CHUNK = 16 * 1024;
const NO_SUBSCRIPTION = "a-subscription-of-nobody";

export const SCRIPTS: Readonly<Record<ScenarioId, Script>> = {
  session,
  surprises,
  slow,
  restart,
  flood,
  async relativeCommand(worker) {
    await worker.subscribed(SHORT_RUN_MS);
  },
  async cleanExit(worker) {
    if ((await worker.subscribed()) === null) return;
    await worker.pause(SHORT_RUN_MS);
    if (worker.launch > 1) return;
    worker.reach("done");
    worker.end(0);
  },
  async nonAscii(worker) {
    if ((await worker.subscribed()) === null) return;
    await worker.decide(NON_ASCII_ADDRESS);
    await worker.pause(SHORT_RUN_MS);
  },
  async end(worker) {
    worker.exitDelayMs = EXIT_MS;
    worker.onRequest = async (request) => {
      if (request.method === "shutdown") await worker.pause(SHORT_RUN_MS);
      return request.respond();
    };
    await worker.subscribed();
  },
  async silentEnd(worker) {
    worker.ignoresEnd = true;
    worker.onRequest = (request) =>
      request.method === "shutdown" ? new Promise(() => undefined) : request.respond();
    await worker.subscribed();
  },
  async lingeringEnd(worker) {
    worker.ignoresEnd = true;
    await worker.subscribed();
  },
};

async function session(worker: ScriptedWorker): Promise<void> {
  const uri = await worker.subscribed();
  if (uri === null) return;
  const change = async (state: PresenceState, reason: PresenceReason | null): Promise<void> => {
    worker.change(uri, state, reason, Date.now());
    await worker.pause(STEP_MS);
  };
  await worker.pause(STEP_MS);
  for (const { state, thenUnknown } of PRESENCE_STEPS) {
    await change(state, state === "offline" ? "neverSignedIn" : null);
    await change("unknown", thenUnknown);
  }
  await change(LAST_STATE, null);
  const foreign = presenceRecord(uri, FOREIGN_STATE, null, Date.now());
  worker.presence.change(foreign, [NO_SUBSCRIPTION]);
  await worker.pause(SHOW_MS);
  await change(STATE_AFTER_FOREIGN, null);
  await worker.pause(QUIET_MS);

  let ageMs = 0;
  worker.onRequest = (request) => {
    if (request.isAbout(uri)) {
      const observedAt = Date.now() - ageMs;
      worker.presence.keep(presenceRecord(uri, FRESH_STATE, null, observedAt));
    }
    return request.respond();
  };
  if (!(await worker.decide(uri))) return;
  await worker.pause(SHOW_MS);
  ageMs = OLD_RECORD_MS;
  await worker.decide(uri);
  await worker.pause(SHOW_MS);
}

/** Members, notifications and errors that a host may not expect. */
async function surprises(worker: ScriptedWorker): Promise<void> {
  worker.onRequest = (request) => {
    const result = request.respond();
    const isObject = typeof result === "object" && result !== null && !(result instanceof Promise);
    return isObject ? { ...result, mood: "fine", more: { members: [1, "two", null] } } : result;
  };
  const uri = await worker.subscribed();
  if (uri === null) return;
  worker.channel.notify("worker/somethingNew", { since: "protocol 1.9", values: [1, 2, 3] });
  worker.channel.notify("$/progress", { token: 1, value: { kind: "begin" } });
  worker.presence.send(changesWithMembersOfAnotherVersion(worker, uri));
  await worker.pause(SHOW_MS);
  worker.reach("unexpectedSent");

  const errors = [
    new ProtocolError(RpcCode.webexUnreachable, "Webex cannot be reached."),
    new ProtocolError(RpcCode.internal, "The worker failed unexpectedly.", { correlationId: "1" }),
  ];
  worker.onRequest = (request) => {
    if (!request.isAbout(uri)) return request.respond();
    throw errors.shift() ?? new ProtocolError(RpcCode.internal, "The worker failed again.");
  };
  for (let count = 0; count < 2; count += 1) if (!(await worker.decide(uri))) return;
  await worker.pause(SHOW_MS);
  worker.change(uri, STATE_AFTER_ERRORS, null, Date.now());
  await worker.pause(SHOW_MS);
}

function* changesWithMembersOfAnotherVersion(
  worker: ScriptedWorker,
  uri: string,
): Generator<ChangeBatch> {
  const record = presenceRecord(uri, STATE_AFTER_UNEXPECTED, null, Date.now());
  worker.record({ type: "changed", uri, state: STATE_AFTER_UNEXPECTED });
  const changes = [{ ...record, mood: "fine", location: { floor: 3 } }];
  yield { subscriptionIds: [...worker.presence.subscriptions.keys()], changes };
}

async function slow(worker: ScriptedWorker): Promise<void> {
  worker.onRequest = async (request) => {
    await worker.pause(SLOW_RESPONSE_MS);
    return request.respond();
  };
  const uri = await worker.subscribed();
  if (uri === null || !(await worker.decide(uri))) return;
  await worker.pause(SLOW_RESPONSE_MS + SHOW_MS);
}

/** Ends after a while, at once, and during a request. */
async function restart(worker: ScriptedWorker): Promise<void> {
  if (worker.launch === 1) {
    if ((await worker.subscribed()) === null) return;
    await worker.pause(SHORT_RUN_MS);
    worker.end(CRASH_CODE);
  } else if (worker.launch === 2) {
    worker.kill();
  } else if (worker.launch === 3) {
    worker.onRequest = () => worker.end(CRASH_CODE);
    await worker.pause(RESTART_SUBSCRIBE_MS);
    worker.end(CRASH_CODE);
  } else {
    await worker.subscribed(RESTART_SUBSCRIBE_MS);
    await worker.pause(SHOW_MS);
  }
}

async function flood(worker: ScriptedWorker): Promise<void> {
  if ((await worker.subscribed()) === null) return;
  worker.reach("flooding");
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  let progressAt = startedAt;
  const onProgress = (): void => {
    progressAt = performance.now();
  };
  const reading = Promise.all([
    writeErrorOutput(onProgress).then(() => worker.reach("errorOutputRead", seconds())),
    new Promise<void>((resolve) => worker.presence.send(floodBatches(worker, onProgress, resolve)))
      .then(() => worker.channel.flush(FLOOD_FLUSH_MS))
      .then(() => worker.reach("outputRead", seconds())),
  ]);
  const isStalled = async (): Promise<void> => {
    while (performance.now() - progressAt < STALL_MS) await worker.pause(STEP_MS);
  };
  await Promise.race([reading, isStalled()]);
}

/** Changes of all subscribed addresses in turn, until `onSent` is called. */
function* floodBatches(
  worker: ScriptedWorker,
  onProgress: () => void,
  onSent: () => void,
): Generator<ChangeBatch> {
  const subscriptionIds = [...worker.presence.subscriptions.keys()];
  const uris = [...worker.presence.subscriptions.values()].flat();
  const cycle = (["away", "available"] as const).flatMap((state) =>
    uris.map((uri) => presenceRecord(uri, state, null, Date.now())),
  );
  for (let sent = 0; sent < FLOOD_CHANGES; sent += CHANGES_PER_NOTIFICATION) {
    const start = sent % cycle.length;
    const changes = Array.from(
      { length: CHANGES_PER_NOTIFICATION },
      (_, index) => cycle[(start + index) % cycle.length],
    ).filter((change) => change !== undefined);
    onProgress();
    yield { subscriptionIds, changes };
  }
  onSent();
}

async function writeErrorOutput(onProgress: () => void): Promise<void> {
  const line = `${"A line of the log, as a worker writes when much goes wrong. ".repeat(4)}\n`;
  const text = line.repeat(ERROR_OUTPUT_CHUNK / line.length);
  for (let written = 0; written < FLOOD_ERROR_BYTES; written += text.length) {
    await new Promise<void>((resolve) => process.stderr.write(text, () => resolve()));
    onProgress();
  }
}
