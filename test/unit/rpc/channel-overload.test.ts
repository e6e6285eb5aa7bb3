import { expect } from "chai";

import { frame, request } from "../../support/byte-host-fake.js";
import { launchChannel, waitUntil } from "../../support/channel-fixture.js";
import { settle } from "../../support/clock-fake.js";

const EXIT_NOTIFICATION = frame({ jsonrpc: "2.0", method: "exit" });

describe("JsonRpcChannel: a host that does not read", () => {
  const BIG = "x".repeat(1024 * 1024);
  /** The answers of one turn, 64, would be more than 16 MB. */
  const LARGE = "x".repeat(320 * 1024);

  it("stops handling requests while 16 MB are unsent, and answers all later", async () => {
    let answered = 0;
    const { host, ends } = launchChannel(() => {
      answered += 1;
      return BIG;
    });
    host.stopReading();
    for (let i = 0; i < 300; i += 1) {
      host.send(request(i, "big"));
      if (i % 10 === 0) await settle();
    }
    await settle();
    expect(answered).to.be.within(16, 19);
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
    const { host, notes } = launchChannel(() => {
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
    const { host, notes } = launchChannel(() => {
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
    const { host, ends } = launchChannel(() => BIG);
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
      const { host, notes } = launchChannel((method) => {
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
      host.resumeReading();
      await waitUntil(() => handled.includes("ping"));
      expect(handled.filter((method) => method === "shutdown")).to.have.length(1);
      expect(handled.at(-1)).to.equal("ping");
    });
  }

  it("delivers exit in the form of a request while 16 MB are unsent", async () => {
    const handled: string[] = [];
    const { host } = launchChannel((method) => {
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
    const { host, notes } = launchChannel((method) => {
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

  it("keeps 16 MB of answers, whenever the host reads what was written", async () => {
    const REQUESTS = 500;
    let answered = 0;
    let mostUnsent = 0;
    const { host } = launchChannel(() => {
      answered += 1;
      mostUnsent = Math.max(mostUnsent, host.output.writableLength);
      host.stopReading();
      // Keeps the memory of the test small.
      host.writes.length = 0;
      return LARGE;
    });
    host.send(Buffer.concat(Array.from({ length: REQUESTS }, (_, i) => request(i, "big"))));
    while (answered < REQUESTS) {
      const before = answered;
      host.resumeReading();
      await waitUntil(() => answered > before);
      expect(answered).to.be.greaterThan(before);
      await settle();
      mostUnsent = Math.max(mostUnsent, host.output.writableLength);
    }
    expect(mostUnsent).to.be.within(16 * 1024 * 1024, 17 * 1024 * 1024 + 2 * LARGE.length);
  }).timeout(20_000);

  it("reads no further than 1 MB ahead, however often the host reads what was written", async () => {
    // Bodies that get an error are held as requests are, and take as little memory.
    const pair = Buffer.concat([request(1, "big"), frame({})]);
    const PAIRS = 40_000;
    let answered = 0;
    const { host } = launchChannel(() => {
      answered += 1;
      host.stopReading();
      host.writes.length = 0;
      return LARGE;
    });
    const ahead = (): number => {
      const taken = PAIRS * pair.length - host.input.writableLength - host.input.readableLength;
      return taken - answered * pair.length;
    };
    for (let i = 0; i < PAIRS; i += 1_000)
      host.send(Buffer.concat(Array.from({ length: 1_000 }, () => pair)));
    await waitUntil(() => host.output.writableLength > 16 * 1024 * 1024 && host.input.isPaused());
    for (let drain = 0; drain < 5; drain += 1) {
      const before = answered;
      host.resumeReading();
      await waitUntil(() => answered > before && host.output.writableLength > 16 * 1024 * 1024);
      // Until it would read no more.
      for (let turn = 0; turn < 20; turn += 1) await settle();
      expect(ahead(), `after ${drain + 1} drains`).to.be.within(1, 1.4 * 1024 * 1024);
    }
  }).timeout(20_000);

  it("answers what it has held: rejections, and cancelled requests without handling them", async () => {
    const handled: string[] = [];
    const { host } = launchChannel((method) => {
      handled.push(method);
      return method === "big" ? LARGE : method;
    });
    host.stopReading();
    host.send(Buffer.concat(Array.from({ length: 80 }, (_, i) => request(i, "big"))));
    await waitUntil(() => host.output.writableLength > 16 * 1024 * 1024);
    host.send(
      Buffer.concat([
        request("a", "first"),
        request("b", "second"),
        frame("null"),
        request("c", "third"),
        frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: "b" } }),
      ]),
    );
    const unsent = host.output.writableLength;
    await settle();
    expect(handled).to.not.include("first");
    expect(host.output.writableLength).to.equal(unsent);
    host.resumeReading();
    await waitUntil(() => host.output.writableLength === 0 && handled.includes("third"));
    await settle();
    const answers = host.received.map(({ id, result, error }) => [id, error?.code ?? result]);
    expect(handled.filter((method) => method !== "big")).to.deep.equal(["first", "third"]);
    expect(answers.filter(([id]) => typeof id !== "number")).to.have.deep.members([
      ["a", "first"],
      ["b", -32800],
      [null, -32600],
      ["c", "third"],
    ]);
  });

  it("reports a protocol error, and answers nothing that it has held", async () => {
    const handled: string[] = [];
    const { host, ends } = launchChannel((method) => {
      handled.push(method);
      return LARGE;
    });
    host.stopReading();
    host.send(Buffer.concat(Array.from({ length: 80 }, (_, i) => request(i, "big"))));
    await waitUntil(() => host.output.writableLength > 16 * 1024 * 1024);
    host.send(request("o", "other"), "garbage\n");
    await waitUntil(() => ends.length > 0);
    expect(ends).to.deep.equal(["protocolError"]);
    host.resumeReading();
    await waitUntil(() => host.output.writableLength === 0);
    expect(host.received.at(-1)?.error?.code).to.equal(-32700);
    expect(handled).to.not.include("other");
  });
});
