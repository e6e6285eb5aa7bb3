// A worker that a host launches while it is checked. It speaks the protocol with the worker's own
// channel, server and schemas, behaves as a script says, and records what the host does.
import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Readable } from "node:stream";

import { JsonRpcChannel } from "../../platform/json-rpc/channel.js";
import { FrameParser } from "../../platform/json-rpc/framing.js";
import { isAlive } from "../../platform/node-process.js";
import { claimStdio } from "../../platform/stdio.js";
import { systemClock } from "../../platform/system-clock.js";
import type { Channel, ChannelHandlers } from "../../ports/channel.js";
import { type ProtocolError, RpcCode } from "../../rpc/errors.js";
import { RpcServer } from "../../rpc/rpc-server.js";
import { presenceRecord } from "./presence-steps.js";
import type { LaunchFacts, ScenarioId, Step, WorkerEvent } from "./record.js";
import { ScriptedPresence, scriptedAuthorization, scriptedStatus } from "./scripted-services.js";

/** Names of options in the manifest of a scenario. */
const SETTINGS_ARGUMENT = "--settings";
const HOST_PID_ARGUMENT = "--host-pid";
const STOP_INTERVAL_MS = 200;
/** A worker whose checker was killed ends, too. */
const MAX_LIFE_MS = 120_000;
const SUBSCRIBE_TIMEOUT_MS = 10_000;
const DECISION_TIMEOUT_MS = 3_000;
const FLUSH_TIMEOUT_MS = 1_000;
const EXIT_CODE = { inputEnded: 0, outputBroken: 0, protocolError: 65 } as const;

export interface ScriptedWorkerOptions {
  readonly scenario: ScenarioId;
  /** A file of JSON lines, to which all processes of the scenario append. */
  readonly eventsPath: string;
  /** When this file exists, or that of the events does not any more, the worker exits. */
  readonly stopPath: string;
}

/** Without time and process, which are added. */
type Observation = WorkerEvent extends infer Event
  ? Event extends WorkerEvent
    ? Omit<Event, "at" | "pid">
    : never
  : never;

/** What a script sees of a request. */
export interface ScriptedRequest {
  readonly method: string;
  /** Whether it is a query for this address. */
  isAbout(uri: string): boolean;
  /** The response that a worker gives. */
  respond(): unknown;
}

export class ScriptedWorker {
  readonly presence = new ScriptedPresence();
  /** 1 for the first process of the scenario. */
  readonly launch: number;
  /** Answers requests in place of the server. */
  onRequest: (request: ScriptedRequest) => unknown = (request) => request.respond();
  /** Whether `exit`, the end of stdin and SIGTERM have no effect. */
  ignoresEnd = false;
  /** How long the process takes to exit. */
  exitDelayMs = 0;
  readonly channel: Channel;
  readonly #options: ScriptedWorkerOptions;
  readonly #stdin: Readable;
  #waiters: ((message: Received) => void)[] = [];
  #subscribed: (() => void)[] = [];

  constructor(options: ScriptedWorkerOptions) {
    this.#options = options;
    this.launch = 1 + countLaunches(options.eventsPath);
    const { input, output } = claimStdio();
    this.#stdin = input;
    this.channel = new JsonRpcChannel(input, output);
  }

  /** Runs the script, and serves the host. */
  start(script: (worker: ScriptedWorker) => Promise<void>): void {
    const launchFacts = readLaunch(this.launch);
    this.record({ type: "launched", ...launchFacts });
    const startedAt = Date.now();
    setInterval(() => {
      const { stopPath, eventsPath } = this.#options;
      const mustStop = existsSync(stopPath) || !existsSync(eventsPath);
      if (mustStop || Date.now() - startedAt > MAX_LIFE_MS) process.exit(0);
    }, STOP_INTERVAL_MS);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
      process.on(signal, () => {
        if (!this.ignoresEnd) this.end(0);
      });
    process.stderr.on("error", () => undefined);
    this.#observeInput();
    const { scenario } = this.#options;
    // A host may launch it again where it does not have to: the script ran in the first process.
    const isScripted = this.launch === 1 || scenario === "restart" || scenario === "cleanExit";
    const running = isScripted ? script(this) : Promise.resolve();
    this.#serve(launchFacts.settings?.path ?? "Presence.ini");
    void running.then(() => this.reach("done"));
  }

  record(observation: Observation): void {
    const event = { at: Date.now(), pid: process.pid, ...observation };
    try {
      appendFileSync(this.#options.eventsPath, `${JSON.stringify(event)}\n`);
    } catch {
      // The check is over.
      process.exit(0);
    }
  }

  reach(step: Step, seconds?: number): void {
    this.record({ type: "reached", step, ...(seconds !== undefined && { seconds }) });
  }

  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** Resolves with the first subscribed address when the first subscription is answered. */
  async subscribed(timeoutMs = SUBSCRIBE_TIMEOUT_MS): Promise<string | null> {
    const subscribed = new Promise<void>((resolve) => this.#subscribed.push(resolve));
    await Promise.race([subscribed, this.pause(timeoutMs)]);
    const [uris = []] = this.presence.subscriptions.values();
    if (uris[0] !== undefined) this.reach("subscribed");
    return uris[0] ?? null;
  }

  /** Resolves when a message has come, or after the timeout with null. */
  nextMessage(timeoutMs: number, matches: (message: Received) => boolean = () => true) {
    return new Promise<Received | null>((resolve) => {
      const timer = setTimeout(() => resolve(null), timeoutMs);
      this.#waiters.push((message) => {
        if (!matches(message)) return;
        clearTimeout(timer);
        resolve(message);
      });
    });
  }

  /** Has an operator decide about an address. Resolves with whether the host asked for it. */
  async decide(uri: string): Promise<boolean> {
    const query = this.nextMessage(DECISION_TIMEOUT_MS, (message) => isQueryFor(message, uri));
    this.record({ type: "asked", uri });
    return (await query) !== null;
  }

  /** Sends one change, which the host has to show. */
  change(...[uri, state, reason]: Parameters<typeof presenceRecord>): void {
    const record = presenceRecord(uri, state, reason, Date.now());
    this.presence.keep(record);
    this.record({ type: "changed", uri, state });
    this.presence.change(record);
  }

  end(code: number): void {
    this.record({ type: "ending", code });
    process.exit(code);
  }

  /** Ends as a process does that the system kills. */
  kill(): void {
    this.record({ type: "ending", code: null });
    process.kill(process.pid, "SIGKILL");
  }

  /** Records every message as it was sent; the channel changes some. */
  #observeInput(): void {
    const unreadable = (reason: string): void => this.record({ type: "unreadable", reason });
    const parser = new FrameParser({
      body: (bytes) => {
        const message = parseMessage(bytes);
        if (typeof message === "string") {
          unreadable(message);
          return;
        }
        const { method, id, params } = message;
        this.record({ type: "received", method: method ?? null, id, params });
        for (const waiter of this.#waiters) waiter(message);
      },
      invalid: unreadable,
    });
    this.#stdin.on("data", (chunk: Buffer) => parser.push(chunk));
    this.#stdin.on("end", () => this.record({ type: "inputEnded" }));
  }

  #serve(settingsPath: string): void {
    const server = new RpcServer({
      channel: this.#interceptedChannel(),
      presence: this.presence,
      authorization: scriptedAuthorization,
      status: scriptedStatus(settingsPath),
      poll: () => ({ accepted: true, nextPossibleAt: null }),
      version: "0.0.0",
      openRpc: () => Promise.resolve({ openrpc: "1.3.2", methods: [] }),
      clock: systemClock,
      crypto: { uuid: randomUUID, token: () => randomUUID(), sha256: () => "" },
      logger: {
        error: (message, fields) => process.stderr.write(`${message} ${String(fields?.error)}\n`),
        warn: () => undefined,
        info: () => undefined,
        debug: () => undefined,
      },
      onInitialize: () => undefined,
      onShutdown: () => undefined,
      onExit: (code) => this.#endLater(code),
      onEnd: (reason) => this.#endLater(EXIT_CODE[reason]),
    });
    server.start();
  }

  #endLater(code: number): void {
    if (this.ignoresEnd) return;
    void this.channel
      .flush(FLUSH_TIMEOUT_MS)
      .then(() => this.pause(this.exitDelayMs))
      .then(() => this.end(code));
  }

  /** Hands requests to the script first. */
  #interceptedChannel(): Channel {
    const { channel } = this;
    return {
      events: channel.events,
      get isCongested() {
        return channel.isCongested;
      },
      notify: (method, params) => channel.notify(method, params),
      flush: (deadlineMs) => channel.flush(deadlineMs),
      dispose: () => channel.dispose(),
      listen: (handlers, onEnd) =>
        channel.listen(
          {
            request: (method, params, call) => this.#request(handlers, method, params, call),
            notification: (method, params) => handlers.notification(method, params),
          },
          onEnd,
        ),
    };
  }

  async #request(
    handlers: ChannelHandlers,
    ...[method, params, call]: Parameters<ChannelHandlers["request"]>
  ): Promise<unknown> {
    const request = {
      method,
      isAbout: (uri: string) => isQueryFor({ method, params }, uri),
      respond: () => handlers.request(method, params, call),
    };
    try {
      const result = await this.onRequest(request);
      this.record({ type: "responded", method, error: null });
      if (method === "presence/subscribe")
        for (const resolve of this.#subscribed.splice(0)) resolve();
      return result;
    } catch (error) {
      const { code = RpcCode.internal, message } = error as Partial<ProtocolError> & Error;
      this.record({ type: "responded", method, error: { code, message } });
      throw error;
    }
  }
}

interface Received {
  readonly method?: string;
  readonly id?: unknown;
  readonly params?: unknown;
}

/** Returns the reason if the bytes are not a message. */
function parseMessage(bytes: Buffer): Received | string {
  let message: unknown;
  try {
    message = JSON.parse(bytes.toString("utf8").replace(/^\ufeff/, ""));
  } catch {
    const start = JSON.stringify(bytes.toString("utf8", 0, 60));
    return `a body of ${bytes.length} bytes is not JSON: ${start} …`;
  }
  if (Array.isArray(message)) return "a body holds a batch";
  if (typeof message !== "object" || message === null) return "a body is not a JSON object";
  const { method } = message as Received;
  if (method !== undefined && typeof method !== "string") return "a method is not a string";
  if (method === undefined && !("result" in message) && !("error" in message))
    return "a body has no method";
  return message;
}

function isQueryFor({ method, params }: Received, uri: string): boolean {
  const parameters: unknown = Array.isArray(params) ? params[0] : params;
  const { uri: one, uris = [] } = (parameters ?? {}) as { uri?: unknown; uris?: unknown[] };
  if (method === "presence/get") return one === uri;
  return method === "presence/getMany" && uris.includes(uri);
}

function countLaunches(eventsPath: string): number {
  const lines = readFileSync(eventsPath, "utf8").split("\n");
  return lines.filter((line) => line.includes('"type":"launched"')).length;
}

function readLaunch(launch: number): LaunchFacts {
  const args = process.argv.slice(2);
  const settings = valueAfter(args, SETTINGS_ARGUMENT);
  const hostPid = valueAfter(args, HOST_PID_ARGUMENT);
  return {
    launch,
    startedAt: performance.timeOrigin,
    args,
    folder: resolvedPath(process.cwd()) ?? process.cwd(),
    parentPid: process.ppid,
    settings:
      settings === null
        ? null
        : { value: settings, isAbsolute: isAbsolute(settings), path: resolvedPath(settings) },
    hostPid:
      hostPid === null ? null : { value: hostPid, isAlive: isAlive(Number.parseInt(hostPid, 10)) },
  };
}

function valueAfter(args: readonly string[], option: string): string | null {
  const index = args.indexOf(option);
  return index === -1 ? null : (args[index + 1] ?? null);
}

function resolvedPath(path: string): string | null {
  try {
    return realpathSync.native(path);
  } catch {
    return null;
  }
}
