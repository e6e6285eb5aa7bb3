import { Socket } from "node:net";
import { Writable } from "node:stream";
import { expect } from "chai";

import { StderrSink, unblock } from "../../../src/platform/stdio.js";
import { WinstonLog } from "../../../src/platform/winston-log.js";
import { waitUntil } from "../../support/clock-fake.js";

const LINE = `${"x".repeat(99)}\n`;

/** A pipe whose reader reads when the test says so. */
class Pipe extends Writable {
  written = "";
  #isRead = true;
  #pending: ((error?: Error) => void) | null = null;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, done: (error?: Error) => void): void {
    const write = (error?: Error): void => {
      if (error === undefined) this.written += chunk;
      done(error);
    };
    if (this.#isRead) write();
    else this.#pending = write;
  }

  stopReading(): void {
    this.#isRead = false;
  }

  read(): void {
    this.#isRead = true;
    this.#pending?.();
  }

  failPendingWrite(): void {
    this.#pending?.(new Error("EPIPE"));
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("platform/stdio: stderr of the log", () => {
  let pipe: Pipe;
  let sink: StderrSink;
  let events: unknown[];

  beforeEach(() => {
    pipe = new Pipe();
    events = [];
    sink = new StderrSink(pipe, {
      onUnread: () => events.push("unread"),
      onRead: (droppedLines) => events.push(droppedLines),
    });
  });

  it("keeps 1 MB of lines that nobody reads, and says once that it drops others", async () => {
    pipe.stopReading();
    for (let i = 0; i < 20_000; i += 1) sink.write(LINE);
    expect(events).to.deep.equal([]);
    await nextTurn();
    expect(events).to.deep.equal(["unread"]);
    expect(pipe.writableLength).to.be.within(1024 * 1024, 1024 * 1024 + LINE.length);

    pipe.read();
    await sink.flush();
    await nextTurn();
    const kept = pipe.written.length / LINE.length;
    expect(events).to.deep.equal(["unread", 20_000 - kept]);
    sink.write("again\n");
    await sink.flush();
    expect(pipe.written.endsWith(`${LINE}again\n`)).to.equal(true);
    expect(events).to.have.length(2);
  });

  it("says nothing of a host that closes stderr, and waits for nothing then", async () => {
    pipe.stopReading();
    for (let i = 0; i < 20_000; i += 1) sink.write(LINE);
    await nextTurn();
    const flushed = sink.flush();
    pipe.destroy(new Error("EPIPE"));
    await flushed;
    sink.write(LINE);
    await sink.flush();
    expect(events).to.deep.equal(["unread"]);
  });

  it("does not take a failed write for a host that reads again", async () => {
    pipe.stopReading();
    for (let i = 0; i < 20_000; i += 1) sink.write(LINE);
    await nextTurn();
    pipe.failPendingWrite();
    await sink.flush();
    await nextTurn();
    expect(events).to.deep.equal(["unread"]);
  });

  it("does not say that the host does not read if the worker only wrote faster for a moment", async () => {
    const log = new WinstonLog(null, "info", { stderr: pipe });
    pipe.stopReading();
    log.info(LINE.trimEnd());
    await waitUntil(() => pipe.writableLength > 0);
    for (let i = 1; i < 20_000; i += 1) log.info(LINE.trimEnd());
    pipe.read();
    await waitUntil(() => pipe.written.includes("missingRecords"));
    await log.close(1_000);
    const lines = pipe.written.split(/\r?\n/);
    const warnings = lines.filter((line) => line.includes(" warn "));
    expect(warnings.some((line) => line.includes("as fast as the worker writes"))).to.equal(true);
    expect(warnings.some((line) => line.includes("reads all of"))).to.equal(true);
    const missing = /"missingRecords":(\d+)/.exec(pipe.written)?.[1];
    const shown = lines.filter((line) => line.endsWith("x")).length;
    expect(shown + Number(missing)).to.be.within(20_000, 20_000 + warnings.length);
  });

  it("is written before the log is closed, but not longer than the deadline", async () => {
    const log = new WinstonLog(null, "info", { stderr: pipe });
    pipe.stopReading();
    log.info("First.");
    log.info("Last.");
    let isClosed = false;
    const closed = log.close(5_000).then(() => (isClosed = true));
    while (pipe.writableLength === 0) await nextTurn();
    await nextTurn();
    expect(isClosed).to.equal(false);
    pipe.read();
    await closed;
    expect(pipe.written).to.match(/info First\.\r?\n.* info Last\.\r?\n$/);

    const unreadPipe = new Pipe();
    unreadPipe.stopReading();
    const unreadLog = new WinstonLog(null, "info", { stderr: unreadPipe });
    unreadLog.info("Unread.");
    await unreadLog.close(100);
    expect(unreadPipe.written).to.equal("");
  });
});

describe("platform/stdio: pipes on Windows", () => {
  /** A pipe as Node.js makes it there: blocking, with methods that write to the descriptor. */
  function blockingPipe(setBlocking?: (value: boolean) => number): Socket {
    const socket = new Socket();
    return Object.assign(socket, {
      _write: () => undefined,
      _writev: null,
      _handle: { setBlocking },
    });
  }

  it("writes through the handle, which does not wait", () => {
    const calls: boolean[] = [];
    const pipe = blockingPipe((value) => {
      calls.push(value);
      return 0;
    });
    expect(unblock(pipe, "win32")).to.equal(true);
    expect(calls).to.deep.equal([false]);
    expect(Object.hasOwn(pipe, "_write") || Object.hasOwn(pipe, "_writev")).to.equal(false);
  });

  it("changes nothing where Node.js does not have what that takes, and says so", () => {
    for (const pipe of [blockingPipe(), blockingPipe(() => -22)]) {
      expect(unblock(pipe, "win32")).to.equal(false);
      expect(Object.hasOwn(pipe, "_write")).to.equal(true);
    }
  });

  it("leaves alone what is not a pipe, and other systems", () => {
    const calls: boolean[] = [];
    const count = (value: boolean): number => calls.push(value);
    const console = Object.assign(blockingPipe(count), { isTTY: true });
    expect(unblock(console, "win32")).to.equal(true);
    expect(unblock(new Writable(), "win32")).to.equal(true);
    expect(unblock(blockingPipe(count), "linux")).to.equal(true);
    expect(calls).to.deep.equal([]);
  });
});
