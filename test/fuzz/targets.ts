import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { JsonRpcChannel } from "../../src/platform/json-rpc/channel.js";
import type { ChannelEndReason } from "../../src/ports/channel.js";
import { RpcServer } from "../../src/rpc/rpc-server.js";
import { ByteHost } from "../support/byte-host-fake.js";
import { systemClock } from "../../src/platform/system-clock.js";
import { SeededRandom } from "../support/clock-fake.js";
import { RecordingLogger } from "../support/logger-fake.js";
import { processUsage } from "../support/process-usage-fixture.js";
import { FakeAuthorization, FakePresence, FakeStatus } from "../support/rpc-services-fake.js";

const WORKER = "dist/worker.cjs";

/** What streams are sent to. */
export interface Target {
  readonly kind: "process" | "channel";
  /** The code or the signal; null while it runs. */
  readonly exit: number | string | null;
  /** Returns what was written to stdout since the last call. */
  readStdout(): Buffer;
  /** Returns what was logged since the last call. */
  readLog(): string;
  /** Called when any of these has changed. */
  onChange: () => void;
  write(bytes: Buffer): void;
  end(): void;
  dispose(): void;
}

/** The built worker. */
export class WorkerTarget implements Target {
  static peakBytes = 0;
  readonly kind = "process";
  exit: number | string | null = null;
  onChange: () => void = () => undefined;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #folder = mkdtempSync(join(tmpdir(), "ucx-fuzz-"));
  #stdout: Buffer[] = [];
  #stderr = "";

  constructor() {
    const settings = join(this.#folder, "Presence.ini");
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    // Nothing listens there: requests to Webex fail at once.
    writeFileSync(
      settings,
      `WebexPresence.ApiUrl=http://127.0.0.1:9/v1\nWebexPresence.Authorize=off\nWebexPresence.RedirectPort=${port}\n`,
    );
    const args = ["--settings", settings, "--log-dir", this.#folder, "--secret-store", "memory"];
    this.#child = spawn(process.execPath, [WORKER, ...args], { stdio: "pipe" });
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#stdout.push(chunk);
      this.onChange();
    });
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    // A worker that has ended reads nothing more.
    this.#child.stdin.on("error", () => undefined);
    this.#child.once("close", (code, signal) => {
      this.exit = signal ?? code;
      rmSync(this.#folder, { recursive: true, force: true });
      this.onChange();
    });
  }

  readStdout(): Buffer {
    return Buffer.concat(this.#stdout.splice(0));
  }

  readLog(): string {
    const text = this.#stderr;
    this.#stderr = "";
    return text;
  }

  write(bytes: Buffer): void {
    this.#child.stdin.write(bytes);
  }

  end(): void {
    this.#measure();
    this.#child.stdin.end();
  }

  dispose(): void {
    this.#measure();
    if (this.exit === null) this.#child.kill("SIGKILL");
  }

  #measure(): void {
    const usage = processUsage(this.#child.pid ?? 0);
    WorkerTarget.peakBytes = Math.max(WorkerTarget.peakBytes, usage?.peakResidentBytes ?? 0);
  }
}

const EXIT_CODES: Readonly<Record<ChannelEndReason, number>> = {
  inputEnded: 0,
  outputBroken: 0,
  protocolError: 65,
};

/** Nobody tells it when to answer. */
class AnsweringPresence extends FakePresence {
  override get(uris: readonly string[]): ReturnType<FakePresence["get"]> {
    return super.get(uris, 0, new AbortController().signal);
  }
}

/** The worker's channel and protocol in this process, with fakes of what is behind them. */
export class ChannelTarget implements Target {
  readonly kind = "channel";
  exit: number | null = null;
  onChange: () => void = () => undefined;
  readonly #host = new ByteHost();
  readonly #logger = new RecordingLogger();
  readonly #server: RpcServer;

  constructor() {
    const { input, output } = this.#host;
    const end = (code: number): void => {
      this.exit ??= code;
      this.onChange();
    };
    this.#server = new RpcServer({
      channel: new JsonRpcChannel(input, output),
      presence: new AnsweringPresence(),
      authorization: new FakeAuthorization(),
      status: new FakeStatus(),
      poll: () => ({ accepted: true, nextPossibleAt: null }),
      version: "1.0.0",
      openRpc: () => Promise.resolve({ openrpc: "1.3.2" }),
      clock: systemClock,
      crypto: new SeededRandom(),
      logger: this.#logger,
      onInitialize: () => undefined,
      onShutdown: () => undefined,
      onExit: end,
      onEnd: (reason) => end(EXIT_CODES[reason]),
    });
    this.#server.start();
  }

  readStdout(): Buffer {
    return Buffer.concat(this.#host.writes.splice(0));
  }

  /** As the worker logs it by default. */
  readLog(): string {
    const records = this.#logger.records.splice(0).filter(({ level }) => level !== "debug");
    return records.map((record) => `${JSON.stringify(record)}\n`).join("");
  }

  write(bytes: Buffer): void {
    this.#host.send(bytes);
  }

  end(): void {
    this.#host.input.end();
  }

  dispose(): void {
    this.#server.stop();
  }
}
