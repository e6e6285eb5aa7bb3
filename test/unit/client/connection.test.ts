import { getEventListeners, once } from "node:events";
import { PassThrough, Readable } from "node:stream";

import { expect } from "chai";

import { RpcConnection } from "../../../src/client/connection.js";
import { RpcError } from "../../../src/client/errors.js";

const frame = (message: object): string => {
  const body = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
const failure = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => error as Error,
  );

describe("client/connection", () => {
  let fromWorker: PassThrough;
  let toWorker: PassThrough;
  let connection: RpcConnection;
  let errors: { readonly error: Error; readonly isFatal: boolean }[];
  const written = (): string => String(toWorker.read() ?? "");
  const receive = (...messages: readonly object[]): void => {
    fromWorker.write(messages.map(frame).join(""));
  };

  beforeEach(() => {
    fromWorker = new PassThrough();
    toWorker = new PassThrough();
    connection = new RpcConnection(fromWorker, toWorker);
    errors = [];
    connection.events.on("protocolError", (error) => errors.push(error));
  });
  afterEach(() => connection.close(new Error("closed")));

  it("writes a request at once, in one piece, and leaves out parameters that there are not", () => {
    void failure(connection.request("presence/get", { uri: "zoë@example.com" }));
    expect(written()).to.equal(
      frame({ jsonrpc: "2.0", id: 0, method: "presence/get", params: { uri: "zoë@example.com" } }),
    );
    void failure(connection.request("worker/status"));
    expect(written()).to.equal(frame({ jsonrpc: "2.0", id: 1, method: "worker/status" }));
    connection.notify("exit");
    expect(written()).to.equal(frame({ jsonrpc: "2.0", method: "exit" }));
  });

  it("reads no more than the host handles, and all of it", async () => {
    const handled: unknown[] = [];
    const sent = Array.from({ length: 1_000 }, (_, sequence) => ({ sequence }));
    let read = 0;
    function* output(): Generator<Buffer> {
      for (const params of sent) {
        read += 1;
        yield Buffer.from(frame({ jsonrpc: "2.0", method: "presence/changed", params }));
      }
    }
    const slow = new RpcConnection(Readable.from(output(), { highWaterMark: 1 }), toWorker);
    let mostWaiting = 0;
    await new Promise<void>((resolve) => {
      slow.events.on("notified", ({ params }) => {
        mostWaiting = Math.max(mostWaiting, read - handled.length);
        if (handled.push(params) === sent.length) resolve();
      });
    });
    expect(handled).to.deep.equal(sent);
    expect(mostWaiting).to.be.lessThan(100);
    await slow.close(new Error("closed"));
  });

  it("resolves with results in any order, null included, and rejects with errors", async () => {
    const calls = ["a", "b", "c"].map((method) => connection.request(method));
    const failed = failure(calls[2]!);
    const error = { code: 1104, message: "no", data: { orgId: "x" } };
    receive({ jsonrpc: "2.0", id: 2, error }, { jsonrpc: "2.0", id: 1, result: null });
    receive({ jsonrpc: "2.0", id: 0, result: { ok: true } });
    expect(await Promise.all(calls.slice(0, 2))).to.deep.equal([{ ok: true }, null]);
    expect(await failed)
      .to.be.instanceOf(RpcError)
      .that.deep.includes({ code: 1104, message: "no", data: { orgId: "x" } });
  });

  it("cancels by a signal, and takes the result that comes nevertheless", async () => {
    const controller = new AbortController();
    const call = connection.request("presence/get", { uri: "a@example.com" }, controller.signal);
    written();
    controller.abort();
    expect(written()).to.equal(
      frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: 0 } }),
    );
    receive({ jsonrpc: "2.0", id: 0, result: "late" });
    expect(await call).to.equal("late");
    const used = new AbortController();
    const answered = connection.request("presence/get", {}, used.signal);
    written();
    receive({ jsonrpc: "2.0", id: 1, result: 1 });
    await answered;
    expect(getEventListeners(used.signal, "abort")).to.deep.equal([]);
    used.abort();
    expect(written(), "of a request that has its result").to.equal("");
    const refused = await failure(connection.request("presence/get", {}, controller.signal));
    expect(refused).to.be.instanceOf(RpcError).with.property("code", -32800);
    expect(written()).to.equal("");
  });

  it("settles a response before it handles the notification behind it", async () => {
    const order: string[] = [];
    connection.events.on("notified", ({ method }) => order.push(method));
    const call = connection.request("presence/subscribe").then(() => order.push("response"));
    receive({ jsonrpc: "2.0", id: 0, result: {} }, { jsonrpc: "2.0", method: "presence/changed" });
    await call;
    await connection.close(new Error("closed"));
    expect(order).to.deep.equal(["response", "presence/changed"]);
  });

  it("handles all that was received before it closes, and rejects what is pending", async () => {
    const notified: string[] = [];
    connection.events.on("notified", ({ method }) => notified.push(method));
    const answered = connection.request("a");
    const pending = failure(connection.request("b"));
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    receive(...names.map((method) => ({ jsonrpc: "2.0", method })), {
      jsonrpc: "2.0",
      id: 0,
      result: 1,
    });
    await new Promise((resolve) => process.nextTick(resolve));
    const closed = connection.close(new Error("The worker has exited."));
    expect(await failure(connection.request("c"))).to.include({
      message: "The worker has exited.",
    });
    await closed;
    expect(notified).to.deep.equal(names);
    expect(await answered).to.equal(1);
    expect(await pending).to.include({ message: "The worker has exited." });
  });

  it("is of no effect once it is closed, and leaves the streams alone", async () => {
    await connection.close(new Error("The worker has exited."));
    await connection.close(new Error("Another reason."));
    written();
    const refused = await failure(connection.request("a"));
    expect(refused).to.include({ message: "The worker has exited." });
    connection.notify("exit");
    expect(written()).to.equal("");
    expect(fromWorker.listenerCount("data")).to.equal(0);
  });

  it("takes no offence at a pipe that breaks, because the exit of the worker follows", () => {
    toWorker.destroy(new Error("EPIPE"));
    const pending = failure(connection.request("a"));
    return connection.close(new Error("The worker has exited.")).then(async () => {
      expect(await pending).to.include({ message: "The worker has exited." });
    });
  });

  it("reports output that is not the protocol as fatal", () => {
    fromWorker.write("npm warn deprecated\r\n\r\n");
    fromWorker.write(frame({ jsonrpc: "2.0", method: "worker/statusChanged" }));
    return expectError(/not valid JSON-RPC: a header line does not begin with a name/, true);
  });

  it("reports a body that is not JSON as fatal, because its request would wait for ever", () => {
    fromWorker.write("Content-Length: 1\r\n\r\n{");
    return expectError(/not valid JSON-RPC: a body is not a JSON object/, true);
  });

  it("reports a response to no request, and continues", async () => {
    receive({ jsonrpc: "2.0", id: null, error: { code: -32600, message: "no batches" } });
    await expectError(/responded to no request of this host: no batches/, false);
    const call = connection.request("a");
    receive({ jsonrpc: "2.0", id: 0, result: 1 });
    expect(await call).to.equal(1);
  });

  it("lets what a listener throws reach the process", async () => {
    connection.events.on("notified", () => {
      throw new Error("of the listener");
    });
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    try {
      const uncaught = once(process, "uncaughtException");
      receive({ jsonrpc: "2.0", method: "worker/statusChanged" });
      expect(String((await uncaught)[0])).to.contain("of the listener");
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });

  async function expectError(text: RegExp, isFatal: boolean): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).to.have.length(1);
    expect(errors[0]!.error.message).to.match(text);
    expect(errors[0]!.isFatal).to.equal(isFatal);
  }
});
