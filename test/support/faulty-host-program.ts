// A host with the interface of the example hosts and, if asked for, one fault. It is small rather
// than good: `check-host` has to find each fault.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { createInterface } from "node:readline";

import { FrameParser } from "../../src/platform/json-rpc/framing.js";
import type { HostFault } from "./host-faults-fixture.js";

interface Manifest {
  readonly worker: {
    readonly command: string;
    readonly args: readonly string[];
    readonly restart: { readonly delaysSeconds: readonly number[] };
  };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Presence {
  readonly uri: string;
  readonly state: string;
  readonly reason: string | null;
  readonly observedAt?: string | null;
}

const [fault, manifestPath = "", settingsPath = "", ...addresses] = process.argv.slice(2) as [
  HostFault,
  ...string[],
];
const has = (name: HostFault): boolean => fault === name;
const { worker: plan } = JSON.parse(readFileSync(manifestPath, "utf8")) as Manifest;
const folder = dirname(resolve(manifestPath));

let worker: ChildProcessWithoutNullStreams;
let nextId = 1;
let failures = 0;
let subscriptionId: string | null = null;
let isEnding = false;
const pending = new Map<number, (message: Message) => void>();
const shown = new Map<string, string>();

function send(message: object): void {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  const length = has("countsCharacters") ? body.length : Buffer.byteLength(body);
  const lineEnd = has("lineFeedsOnly") ? "\n\n" : "\r\n\r\n";
  worker.stdin.write(`Content-Length: ${length}${lineEnd}${body}`);
}

function request(method: string, params?: object): Promise<Message> {
  const id = nextId;
  if (!has("repeatsIds")) nextId += 1;
  const sent = { id, method, ...(params && { params }) };
  send(sent);
  const isDecision = params !== undefined && "maxAgeSeconds" in params;
  if (has("repeatsDecisions") && isDecision) setTimeout(() => send({ ...sent, id: nextId++ }), 500);
  if (has("endsSlowWorkers"))
    setTimeout(() => pending.has(id) && worker.kill("SIGKILL"), 1_500).unref();
  return new Promise((resolve) => pending.set(id, resolve));
}

function show({ uri, state, reason }: Presence, freshness = ""): void {
  const light = has("showsUnknownAsOffline") && state === "unknown" ? "offline" : state;
  const line = `${uri}\t${light}\t${reason ?? "-"}`;
  if (freshness === "" && shown.get(uri) === line) return;
  shown.set(uri, line);
  if (!has("printsNothing")) process.stdout.write(`${line}${freshness}\n`);
}

function receive(message: Message): void {
  const { id, method, params } = message;
  if (method === "presence/changed") {
    const { subscriptionIds, changes } = params as {
      subscriptionIds: readonly string[];
      changes: readonly Presence[];
    };
    const isKnown = subscriptionIds.includes(subscriptionId ?? "");
    if (isKnown || has("showsForeignChanges")) for (const change of changes) show(change);
    if (has("respondsToNotifications")) send({ id: 7, result: null });
  } else if (method !== undefined) {
    if (has("endsOnUnknownMessages")) throw new Error(`${method} is unknown.`);
  } else if (id !== undefined) {
    if (message.error !== undefined && has("endsOnErrors")) throw new Error(message.error.message);
    pending.get(id)?.(message);
    pending.delete(id);
  }
}

async function decide(uri: string): Promise<void> {
  const askedAt = Date.now();
  const maxAge = has("decidesByCache") ? {} : { maxAgeSeconds: 0 };
  const { result } = await request("presence/get", { uri, ...maxAge });
  if (result === undefined) return;
  const record = result as Presence;
  const isFresh = Date.parse(record.observedAt ?? "") >= askedAt || has("callsAllFresh");
  show(record, `\t${isFresh ? "fresh" : "not fresh"}`);
}

function launchArguments(): string[] {
  const settings = has("passesRelativeSettings")
    ? relative(folder, settingsPath)
    : resolve(settingsPath);
  const pid = String(process.pid);
  const [script = "", ...others] = plan.args;
  const own = ["--settings", settings, ...(has("passesNoPid") ? [] : ["--host-pid", pid])];
  return has("passesOwnArgumentsFirst") ? [script, ...own, ...others] : [...plan.args, ...own];
}

function launch(): void {
  const commandFolder = has("takesCommandsFromItsFolder") ? process.cwd() : folder;
  const isPath = plan.command.includes("/");
  const command = isPath ? resolve(commandFolder, plan.command) : plan.command;
  const args = launchArguments();
  const quoted = [command, ...args].map((argument) => `'${argument}'`).join(" ");
  const [program, programArgs] = has("launchesByShell")
    ? ["sh", ["-c", `${quoted}; exit $?`]]
    : [command, args];
  worker = spawn(program, programArgs, {
    cwd: has("keepsItsFolder") ? process.cwd() : folder,
    stdio: "pipe",
  });
  worker.on("error", () => undefined);
  worker.stdin.on("error", () => undefined);
  const parser = new FrameParser({
    body: (bytes) => receive(JSON.parse(bytes.toString("utf8")) as Message),
    invalid: (reason) => process.stderr.write(`${reason}\n`),
  });
  if (!has("readsNoOutput")) worker.stdout.on("data", (chunk: Buffer) => parser.push(chunk));
  if (!has("readsNoErrorOutput")) worker.stderr.resume();
  worker.once("exit", (code) => handleExit(code));
  subscriptionId = null;
  void subscribe();
}

async function subscribe(): Promise<void> {
  if (has("subscribesOnce") && failures > 0) return;
  if (has("sendsArrays")) void request("worker/poll", ["an organization"]);
  const { result } = await request("presence/subscribe", { uris: addresses });
  const { records, ...subscription } = result as { subscriptionId: string; records: Presence[] };
  ({ subscriptionId } = subscription);
  for (const record of records) show(record);
}

function handleExit(code: number | null): void {
  pending.clear();
  if (isEnding) return;
  if (!has("keepsStateWithoutWorker"))
    for (const uri of addresses) show({ uri, state: "unknown", reason: "notReady" });
  if ((code === 0 && !has("restartsAlways")) || has("restartsNever")) return;
  const { delaysSeconds } = plan.restart;
  const delaySeconds = delaysSeconds[Math.min(failures, delaysSeconds.length - 1)] ?? 1;
  failures += 1;
  setTimeout(launch, has("restartsAtOnce") ? 0 : delaySeconds * 1000);
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  if (worker.exitCode !== null || worker.signalCode !== null) process.exit(0);
  if (has("leavesWorker")) process.exit(0);
  if (has("closesInput")) worker.stdin.end();
  const killTimer = setTimeout(() => worker.kill("SIGKILL"), 1_500);
  if (has("neverKills")) clearTimeout(killTimer);
  if (!has("closesInput")) {
    const responded = request("shutdown");
    if (!has("sendsExitAtOnce")) await Promise.race([responded, exited]);
    send({ method: "exit" });
    if (has("waitsForNothing")) setTimeout(() => process.exit(0), 20);
  }
  await exited;
  process.exit(0);
}

const input = createInterface({ input: process.stdin });
input.on("close", () => void end());
input.on("line", (line) => void decide(line));
process.on("SIGTERM", () => void end());
if (has("refreshesOnTimer"))
  setInterval(() => void request("presence/get", { uri: addresses[0], maxAgeSeconds: 5 }), 500);
launch();
