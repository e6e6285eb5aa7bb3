import { expect } from "chai";
import fc from "fast-check";

import type { RequestCall } from "../../../src/ports/channel.js";
import { frame, request } from "../../support/byte-host-fake.js";
import { launchChannel, waitUntil } from "../../support/channel-fixture.js";
import { settle } from "../../support/clock-fake.js";

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
      const { host, ends } = launchChannel();
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
    const { host, ends } = launchChannel();
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
    const { host } = launchChannel();
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
      const { host, ends } = launchChannel();
      host.send(frame(body), PING);
      await host.until(1);
      await settle();
      expect(host.received).to.deep.equal([PONG]);
      expect(ends).to.deep.equal([]);
    });
  }

  it("delivers a notification whatever else is wrong with it, and exit with any id", async () => {
    const { host, notes } = launchChannel();
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
    const { host, ends } = launchChannel();
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
    const { host, ends } = launchChannel();
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
    const { host, ends } = launchChannel();
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
    const { host, channel } = launchChannel();
    channel.notify("a", { text: "Grüße, 世界 🙂" });
    channel.notify("b", {});
    await host.until(2);
    expect(host.received.map((m) => m.params)).to.deep.equal([{ text: "Grüße, 世界 🙂" }, {}]);
    expect(host.writes).to.have.length(1);
  });

  it("answers a pipeline of requests in one write", async () => {
    const { host } = launchChannel();
    host.send(Buffer.concat(Array.from({ length: 50 }, (_, i) => request(i, "ping"))));
    await host.until(50);
    expect(host.received.map((m) => m.id)).to.deep.equal(Array.from({ length: 50 }, (_, i) => i));
    expect(host.writes.length).to.be.below(5);
  });

  it("returns every id unchanged, and answers two requests with the same id", async () => {
    const { host } = launchChannel((_method, params) => params);
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
      const { host, notes } = launchChannel((_method, received) => {
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
    const { host } = launchChannel((_method, _params, requestCall) => {
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
    const { host, ends } = launchChannel();
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
    const { host } = launchChannel((method) => {
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
    const reference = launchChannel();
    reference.host.send(stream);
    const expected = (await reference.host.until(5)).map((m) => JSON.stringify(m)).sort();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 40 }),
        async (cuts) => {
          const { host, notes } = launchChannel();
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

describe("JsonRpcChannel: a lost host", () => {
  it("reports a broken output once", async () => {
    const { host, channel, ends } = launchChannel();
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
    const { host, channel, ends } = launchChannel(
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
    const { host, channel } = launchChannel();
    host.stopReading();
    channel.notify("a", { text: "x".repeat(1024 * 1024) });
    await settle();
    const started = performance.now();
    await channel.flush(50);
    expect(performance.now() - started).to.be.within(40, 1_000);
  });
});
