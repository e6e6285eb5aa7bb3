import { expect } from "chai";
import fc from "fast-check";

import { JsonRpcChannel } from "../../../src/platform/json-rpc/channel.js";
import type { ChannelEndReason, RequestCall } from "../../../src/ports/channel.js";
import { settle } from "../../support/clock-fake.js";
import { ByteHost, frame, request } from "../../support/byte-host-fake.js";

type Answer = (method: string, params: unknown, call: RequestCall) => unknown;

function launch(
  answer: Answer = (method, params) => ({ method, params: params ?? null }),
  highWaterMark?: number,
) {
  const host = new ByteHost(highWaterMark);
  const channel = new JsonRpcChannel(host.input, host.output);
  const ends: ChannelEndReason[] = [];
  const notes: { method: string; params: unknown }[] = [];
  channel.listen(
    { request: answer, notification: (method, params) => notes.push({ method, params }) },
    (end) => ends.push(end),
  );
  return { host, channel, ends, notes };
}

/** Returns at the deadline at the latest: the test asserts the condition itself. */
async function waitUntil(condition: () => boolean, deadlineMs = 5_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition() && performance.now() < deadline) await settle();
}

const EXIT_NOTIFICATION = frame({ jsonrpc: "2.0", method: "exit" });
const PING = request(7, "ping");
const PONG = { jsonrpc: "2.0", id: 7, result: { method: "ping", params: null } };

describe("JsonRpcChannel: invalid messages", () => {
  const refusals: Record<string, [body: string | Buffer, id: unknown, code: number]> = {
    "a body that is not JSON": ["{", null, -32700],
    "an empty body": ["", null, -32700],
    "a body that is not UTF-8": [
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"\xff"}', "latin1"),
      null,
      -32700,
    ],
    "a batch": ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', null, -32600],
    "an empty batch": ["[]", null, -32600],
    "a number": ["1", null, -32600],
    null: ["null", null, -32600],
    "an empty object": ["{}", null, -32600],
    "no version": ['{"id":1,"method":"ping"}', 1, -32600],
    "another version": ['{"jsonrpc":"1.0","id":"a","method":"ping"}', "a", -32600],
    "no method": ['{"jsonrpc":"2.0","id":1}', 1, -32600],
    "a method that is not a string": ['{"jsonrpc":"2.0","id":1,"method":1}', 1, -32600],
    "id null": ['{"jsonrpc":"2.0","id":null,"method":"ping"}', null, -32600],
    "an id that is an object": ['{"jsonrpc":"2.0","id":{},"method":"ping"}', null, -32600],
    "an id that is a boolean": ['{"jsonrpc":"2.0","id":true,"method":"ping"}', null, -32600],
    "an id that JSON cannot represent exactly": [
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
      null,
      -32600,
    ],
    "params that are a string": [
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}',
      1,
      -32600,
    ],
    "params that are a number": ['{"jsonrpc":"2.0","id":1,"method":"ping","params":1}', 1, -32600],
    "params that are false": ['{"jsonrpc":"2.0","id":1,"method":"ping","params":false}', 1, -32600],
    "id null and the name of a method": [
      '{"jsonrpc":"2.0","id":null,"method":"exits"}',
      null,
      -32600,
    ],
    "two byte order marks before a body": ["\ufeff\ufeff{}", null, -32700],
    "a body that is a byte order mark": ["\ufeff", null, -32700],
    "a response with result and error": [
      '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
      1,
      -32600,
    ],
    "a response without an id": ['{"jsonrpc":"2.0","result":1}', null, -32600],
  };
  for (const [name, [body, id, code]] of Object.entries(refusals)) {
    it(`answers ${name} with ${code} and continues`, async () => {
      const { host, ends } = launch();
      const bytes = Buffer.from(body as string);
      host.send(Buffer.from(`Content-Length: ${bytes.length}\r\n\r\n`), bytes, PING);
      const received = await host.until(2);
      expect(received.find((m) => m.error !== undefined)).to.deep.include({ jsonrpc: "2.0", id });
      expect(received.find((m) => m.error !== undefined)?.error?.code).to.equal(code);
      expect(received.find((m) => m.id === 7)).to.deep.equal(PONG);
      expect(ends).to.deep.equal([]);
    });
  }

  it("answers a large body with more than 64 levels without parsing it", async () => {
    const { host, ends } = launch();
    const bodyOf = (levels: number, length = 0): string => {
      const [open, close] = ["[".repeat(levels - 2), "]".repeat(levels - 2)];
      const params = `{"a":${open}${close},"text":"${'[{\\"'.repeat(length)}"}`;
      return `{"jsonrpc":"2.0","id":1,"method":"ping","params":${params}}`;
    };
    const startedAt = performance.now();
    host.send(frame(bodyOf(2_500_000)), frame("[".repeat(5_000_000)), frame(bodyOf(65, 20_000)));
    const refused = await host.until(3);
    expect(performance.now() - startedAt).to.be.below(1_000);
    for (const { id, error } of refused) {
      expect([id, error?.code]).to.deep.equal([null, -32600]);
      expect(error?.message).to.equal("The body has more than 64 levels of arrays and objects.");
    }
    host.send(frame(bodyOf(64, 20_000)), PING);
    const received = await host.until(5);
    expect(received.slice(3).map(({ id, result }) => [id, result !== undefined])).to.deep.equal([
      [1, true],
      [7, true],
    ]);
    expect(ends).to.deep.equal([]);
  });

  it("ignores responses and cancellations of unknown requests", async () => {
    const { host } = launch();
    host.send(
      frame({ jsonrpc: "2.0", id: 5, result: null }),
      frame({ jsonrpc: "2.0", id: null, error: { code: 1, message: "x" } }),
      frame({ jsonrpc: "2.0", method: "$/cancelRequest" }),
      frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: {} } }),
      frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: [7] }),
      frame({ jsonrpc: "2.0", method: "$/progress" }),
      PING,
    );
    await host.until(1);
    await settle();
    expect(host.received).to.deep.equal([PONG]);
  });

  const unanswered: Record<string, string> = {
    "no version": '{"method":"note"}',
    "another version": '{"jsonrpc":"1.0","method":"note"}',
    "params that are a string": '{"jsonrpc":"2.0","method":"note","params":"x"}',
    "positional params": '{"jsonrpc":"2.0","method":"note","params":[1,2]}',
    "a method that is not a string": '{"jsonrpc":"2.0","method":1}',
    "a method that is null": '{"jsonrpc":"2.0","method":null}',
    "an empty method": '{"jsonrpc":"2.0","method":""}',
    "a result beside the method": '{"jsonrpc":"2.0","method":"note","result":1}',
    "a name that requests have": '{"jsonrpc":"2.0","method":"presence/get"}',
    "a $/ method and id null": '{"jsonrpc":"2.0","id":null,"method":"$/setTrace","params":{}}',
    "initialized and id null": '{"jsonrpc":"2.0","id":null,"method":"initialized","params":{}}',
    "exit and id null": '{"jsonrpc":"2.0","id":null,"method":"exit"}',
    "exit and an invalid id": '{"jsonrpc":"2.0","id":true,"method":"exit"}',
  };
  for (const [name, body] of Object.entries(unanswered)) {
    it(`does not answer a notification with ${name}`, async () => {
      const { host, ends } = launch();
      host.send(frame(body), PING);
      await host.until(1);
      await settle();
      expect(host.received).to.deep.equal([PONG]);
      expect(ends).to.deep.equal([]);
    });
  }

  it("delivers a notification whatever else is wrong with it, and exit with any id", async () => {
    const { host, notes } = launch();
    host.send(
      frame({ method: "exit" }),
      frame({ jsonrpc: "1.0", method: "exit", params: "now" }),
      frame({ jsonrpc: "2.0", id: null, method: "exit", params: null }),
      frame({ id: 5, method: "exit", params: "now" }),
    );
    await host.until(1);
    expect(notes.map(({ method }) => method)).to.deep.equal(["exit", "exit", "exit"]);
    expect(host.received.map((m) => [m.id, m.error])).to.deep.equal([[5, undefined]]);
  });

  it("answers the requests before a protocol error, replies -32700 and ends", async () => {
    const { host, ends } = launch();
    host.send(Buffer.concat([PING, Buffer.from("hello\r\n"), PING]));
    const received = await host.until(2);
    expect(received.map((m) => [m.id, m.error?.code])).to.have.deep.members([
      [7, undefined],
      [null, -32700],
    ]);
    await waitUntil(() => ends.length > 0);
    expect(ends).to.deep.equal(["protocolError"]);
    expect(host.received).to.have.length(2);
  });

  it("answers a long pipeline before a protocol error", async () => {
    const { host, ends } = launch();
    host.send(
      Buffer.concat([
        ...Array.from({ length: 1_000 }, (_, i) => request(i, "ping")),
        Buffer.from("hello\r\n"),
      ]),
    );
    await waitUntil(() => ends.length > 0);
    expect(host.received).to.have.length(1_001);
    expect(ends).to.deep.equal(["protocolError"]);
  });

  it("reports the end only after the last reply was written", async () => {
    const { host, ends } = launch();
    host.stopReading();
    host.send("garbage\n");
    await host.until(1);
    await settle();
    expect(ends).to.deep.equal([]);
    host.resumeReading();
    await waitUntil(() => ends.length > 0);
    expect(ends).to.deep.equal(["protocolError"]);
  });
});

describe("JsonRpcChannel: bytes", () => {
  it("counts Content-Length in UTF-8 bytes and writes once in each tick", async () => {
    const { host, channel } = launch();
    channel.notify("a", { text: "Grüße, 世界 🙂" });
    channel.notify("b", {});
    await host.until(2);
    expect(host.received.map((m) => m.params)).to.deep.equal([{ text: "Grüße, 世界 🙂" }, {}]);
    expect(host.writes).to.have.length(1);
  });

  it("answers a pipeline of requests in one write", async () => {
    const { host } = launch();
    host.send(Buffer.concat(Array.from({ length: 50 }, (_, i) => request(i, "ping"))));
    await host.until(50);
    expect(host.received.map((m) => m.id)).to.deep.equal(Array.from({ length: 50 }, (_, i) => i));
    expect(host.writes.length).to.be.below(5);
  });

  it("returns every id unchanged, and answers two requests with the same id", async () => {
    const { host } = launch((_method, params) => params);
    const ids = [0, "0", 1, "1", -1, 1.5, "", "ü", 1, Number.MAX_SAFE_INTEGER];
    host.send(Buffer.concat(ids.map((id, n) => request(id, "ping", { n }))));
    await host.until(ids.length);
    expect(host.received.map((m) => [m.id, (m.result as { n: number }).n])).to.deep.equal(
      ids.map((id, n) => [id, n]),
    );
  });

  const forms: [name: string, params: unknown, delivered: unknown][] = [
    ["null", null, undefined],
    ["an empty array", [], undefined],
    ["an array of null", [null], undefined],
    ["an empty object", {}, {}],
    ["an array of an empty object", [{}], {}],
    ["an object", { id: 1 }, { id: 1 }],
    ["an array of an object", [{ id: 1 }], { id: 1 }],
    ["an array of a string", ["x"], ["x"]],
    ["an array of an array", [[{}]], [[{}]]],
    ["an array of two objects", [{}, {}], [{}, {}]],
    ["an array of an object and null", [{}, null], [{}, null]],
    ["an array of two nulls", [null, null], [null, null]],
  ];
  for (const [name, params, delivered] of forms) {
    it(`delivers params that are ${name} in one form, to requests and notifications`, async () => {
      const requested: unknown[] = [];
      const { host, notes } = launch((_method, received) => {
        requested.push(received);
        return null;
      });
      host.send(frame({ jsonrpc: "2.0", method: "note", params }), request(0, "ping", params));
      await host.until(1);
      expect(requested).to.deep.equal([delivered]);
      expect(notes).to.deep.equal([{ method: "note", params: delivered }]);
    });
  }

  it("cancels a request by a $/cancelRequest whose params are in an array", async () => {
    let call: RequestCall | null = null;
    const { host } = launch((_method, _params, requestCall) => {
      call = requestCall;
      return new Promise(() => undefined);
    });
    host.send(request(3, "slow"));
    await waitUntil(() => call !== null);
    host.send(frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: [{ id: 3 }] }));
    await waitUntil(() => call?.isCancelled === true);
    expect(call!.isCancelled).to.equal(true);
  });

  it("passes over a byte order mark before headers and bodies", async () => {
    const { host, ends } = launch();
    const body = Buffer.from(`\ufeff${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })}`);
    const header = Buffer.from(`\ufeffContent-Length: ${body.length}\r\n\r\n`);
    host.send(header, body, header, body);
    const received = await host.until(2);
    expect(received.map((m) => [m.id, m.error])).to.deep.equal([
      [1, undefined],
      [1, undefined],
    ]);
    expect(ends).to.deep.equal([]);
  });

  it("does not reveal the text of a handler's error", async () => {
    const { host } = launch((method) => {
      if (method === "wire")
        throw Object.assign(new Error("ours"), { code: 1101, data: { hint: "h" } });
      if (method === "abort") throw new DOMException("secret", "AbortError");
      if (method === "json") return { n: 1n };
      return Promise.reject(new Error("secret"));
    });
    host.send(request(1, "wire"), request(2, "abort"), request(3, "async"), request(4, "json"));
    const received = await host.until(4);
    const of = (id: number) => received.find((m) => m.id === id)?.error;
    expect(of(1)).to.deep.equal({ code: 1101, message: "ours", data: { hint: "h" } });
    for (const id of [2, 3, 4]) expect(of(id)?.code).to.equal(-32603);
    expect(Buffer.concat(host.writes).toString()).not.to.contain("secret");
  });

  it("answers independently of how the stream is split into chunks", async () => {
    const stream = Buffer.concat([
      PING,
      request("é🙂", "echo", { text: "世界" }),
      frame("[]"),
      frame({ jsonrpc: "2.0", method: "note", params: { a: 1 } }),
      frame("not json"),
      request(0, "echo", [1]),
    ]);
    const reference = launch();
    reference.host.send(stream);
    const expected = (await reference.host.until(5)).map((m) => JSON.stringify(m)).sort();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 40 }),
        async (cuts) => {
          const { host, notes } = launch();
          let at = 0;
          for (const cut of [...new Set([...cuts, stream.length])].sort((a, b) => a - b)) {
            host.send(stream.subarray(at, cut));
            at = cut;
          }
          const received = (await host.until(5)).map((m) => JSON.stringify(m)).sort();
          expect(received).to.deep.equal(expected);
          expect(notes).to.deep.equal([{ method: "note", params: { a: 1 } }]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("JsonRpcChannel: a slow or lost host", () => {
  const BIG = "x".repeat(1024 * 1024);
  /** The answers of one turn, 64, are more than 16 MB. */
  const LARGE = "x".repeat(320 * 1024);

  it("stops handling requests while 16 MB are unsent, and answers all later", async () => {
    let answered = 0;
    const { host, ends } = launch(() => {
      answered += 1;
      return BIG;
    });
    host.stopReading();
    for (let i = 0; i < 300; i += 1) {
      host.send(request(i, "big"));
      if (i % 10 === 0) await settle();
    }
    await settle();
    expect(answered).to.be.within(16, 120);
    host.writes.length = 0;
    host.resumeReading();
    while (answered < 300) {
      await settle();
      // Keeps the memory of the test small.
      host.writes.length = 0;
    }
    expect(ends).to.deep.equal([]);
  }).timeout(60_000);

  it("stops reading while 16 MB are unsent, and continues afterwards", async () => {
    let answered = 0;
    const { host, notes } = launch(() => {
      answered += 1;
      return BIG;
    });
    host.stopReading();
    for (let i = 0; i < 40; i += 1) host.send(request(i, "big"));
    await waitUntil(() => answered >= 16);
    const note = frame({ jsonrpc: "2.0", method: "note", params: { text: "x".repeat(60_000) } });
    for (let i = 0; i < 60; i += 1) host.send(note);
    await waitUntil(() => host.input.isPaused());
    expect(notes).to.deep.equal([]);
    expect(host.input.isPaused()).to.equal(true);
    host.resumeReading();
    await waitUntil(() => notes.length >= 60);
    expect(notes).to.have.length(60);
  });

  it("reads no further than it can handle soon, and answers all requests of a flood", async () => {
    const FLOOD = 20_000;
    let answered = 0;
    let unread = Number.NaN;
    const { host, notes } = launch(() => {
      answered += 1;
      if (answered === 200) unread = host.input.writableLength + host.input.readableLength;
      return null;
    });
    const each = request(1, "ping");
    for (let i = 0; i < FLOOD; i += 500)
      host.send(Buffer.concat(Array.from({ length: 500 }, () => each)));
    host.send(frame({ jsonrpc: "2.0", method: "end" }));
    await waitUntil(() => notes.length > 0);
    expect(unread).to.be.greaterThan((FLOOD - 4_000) * each.length);
    expect(answered).to.equal(FLOOD);
    expect(host.input.isPaused()).to.equal(false);
  });

  it("ends with the input while the host does not read", async () => {
    const { host, ends } = launch(() => BIG);
    host.stopReading();
    for (let i = 0; i < 40; i += 1) host.send(request(i, "big"));
    await settle();
    host.input.end();
    await waitUntil(() => ends.length > 0);
    expect(ends).to.deep.equal(["inputEnded"]);
  });

  for (const when of ["in the same chunk", "later"]) {
    it(`delivers shutdown and exit that come ${when} while 16 MB are unsent`, async () => {
      const handled: string[] = [];
      const { host, notes } = launch((method) => {
        handled.push(method);
        return method === "big" ? LARGE : null;
      });
      host.stopReading();
      // More than one turn handles.
      const flood = Array.from({ length: 100 }, (_, i) => request(i, "big"));
      const end = [request("p", "ping"), request("s", "shutdown"), EXIT_NOTIFICATION];
      if (when === "later") {
        host.send(Buffer.concat(flood));
        await waitUntil(() => handled.length >= 50);
        for (const each of end) host.send(each);
      } else host.send(Buffer.concat([...flood, ...end]));
      await waitUntil(() => notes.length > 0);
      expect(notes.map(({ method }) => method)).to.deep.equal(["exit"]);
      expect(handled.at(-1)).to.equal("shutdown");
      expect(handled).to.not.include("ping");
    });
  }

  it("delivers exit in the form of a request while 16 MB are unsent", async () => {
    const handled: string[] = [];
    const { host } = launch((method) => {
      handled.push(method);
      return LARGE;
    });
    host.stopReading();
    for (let i = 0; i < 80; i += 1) host.send(request(i, "big"));
    await waitUntil(() => handled.length >= 50);
    host.send(request("e", "exit"));
    await waitUntil(() => handled.includes("exit"));
    expect(handled).to.include("exit");
  });

  it("keeps the order of what it has held while 16 MB were unsent", async () => {
    const handled: string[] = [];
    const { host, notes } = launch((method) => {
      handled.push(method);
      return method === "big" ? LARGE : null;
    });
    host.stopReading();
    for (let i = 0; i < 80; i += 1) host.send(request(i, "big"));
    await waitUntil(() => handled.length >= 50);
    for (let i = 0; i < 200; i += 1) host.send(request(`o${i}`, `order${i}`));
    host.send(frame({ jsonrpc: "2.0", method: "note" }));
    await settle();
    expect(notes).to.deep.equal([]);
    host.resumeReading();
    await waitUntil(() => notes.length > 0 && handled.length >= 280);
    const order = handled.filter((method) => method.startsWith("order"));
    expect(order).to.deep.equal(Array.from({ length: 200 }, (_, i) => `order${i}`));
  });

  it("reports a broken output once", async () => {
    const { host, channel, ends } = launch();
    host.output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    channel.notify("a", {});
    host.send(PING);
    await settle();
    channel.notify("b", {});
    await channel.flush(1_000);
    host.output.emit("error", new Error("again"));
    host.input.end();
    await settle();
    expect(ends).to.deep.equal(["outputBroken"]);
  });

  it("can be disposed of while a request is in flight", async () => {
    const { host, channel, ends } = launch(
      (_method, _params, call) =>
        new Promise((_, reject) =>
          call.signal.addEventListener("abort", () => reject(new Error("x"))),
        ),
    );
    host.send(PING);
    await settle();
    channel.dispose();
    channel.notify("a", {});
    host.send(PING, "garbage\n");
    host.output.destroy(new Error("late"));
    await settle();
    expect(ends).to.deep.equal([]);
    expect(host.received).to.deep.equal([]);
  });

  it("flushes until the deadline at the latest", async () => {
    const { host, channel } = launch();
    host.stopReading();
    channel.notify("a", { BIG });
    await settle();
    const started = performance.now();
    await channel.flush(50);
    expect(performance.now() - started).to.be.within(40, 1_000);
  });
});
