import { EventEmitter, once } from "node:events";
import http, {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";

import { expect } from "chai";
import sinon from "sinon";

import type { Disposer } from "../../src/faults/emitter.js";
import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import { faultOf } from "../support/http-fixture.js";
import {
  type LoopbackReader,
  loopbackServerContract,
} from "../support/loopback-server-contract.js";
import { FakeLoopback } from "../support/loopback-server-fake.js";
import { skip } from "../support/windows-fixture.js";

loopbackServerContract("fake", () => {
  const machine = new FakeLoopback();
  return {
    listen: machine.listen,
    request: (port, { headers = {}, ...request }) =>
      machine.request(port, {
        ...request,
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
      }),
    stream: async (port, target) => {
      const stream = await machine.open(port, target);
      let read = 0;
      return { next: async () => stream.received[read++] ?? null, disconnect: () => stream.end() };
    },
  };
});

/** Serves an empty page. */
const listen = (port = 0) =>
  listenOnLoopback(port, async () => ({ kind: "page", status: 200, headers: {}, body: "" }));

loopbackServerContract("node:http", () => ({
  listen: listenOnLoopback,
  request: async (port, { method = "GET", target, headers = {}, body = "" }) => {
    const response = await send(port, method, target, headers, body);
    const { statusCode: status = 0, headers: responseHeaders } = response;
    const named = Object.entries(responseHeaders).map(([name, value]) => [name, String(value)]);
    return {
      status,
      headers: Object.fromEntries(named) as Record<string, string>,
      body: await text(response),
    };
  },
  stream: async (port, target) => reader(await send(port, "GET", target)),
}));

describe("LoopbackServer on node:http", () => {
  it("listens on both loopback addresses and on nothing else", async function () {
    const server = await listen();
    try {
      expect(await reaches("127.0.0.1", server.port)).to.equal(true);
      if (hasIpv6Loopback()) expect(await reaches("::1", server.port)).to.equal(true);
      for (const address of outsideAddresses())
        expect(await reaches(address, server.port), address).to.equal(false);
    } finally {
      await server.close();
    }
  });

  it("rejects with portInUse if only ::1 is taken, and leaves nothing listening", async function () {
    if (!hasIpv6Loopback()) skip(this, "this machine has no IPv6 loopback address");
    const other = createServer();
    other.listen(0, "::1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    try {
      expect((await faultOf(listen(port))).code).to.equal("portInUse");
      expect(await reaches("127.0.0.1", port)).to.equal(false);
    } finally {
      other.close();
    }
  });

  it("goes on serving after a connection could not be accepted", async () => {
    const createServer = sinon.spy(http, "createServer");
    const server = await listen();
    try {
      for (const httpServer of createServer.returnValues)
        httpServer.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
      expect((await send(server.port, "GET", "/")).statusCode).to.equal(200);
    } finally {
      createServer.restore();
      await server.close();
    }
  });

  for (const [code, fault] of [
    ["EADDRINUSE", { code: "portInUse", isReserved: false }],
    ["EACCES", { code: "portInUse", isReserved: true }],
    ["EMFILE", { code: "defect", isReserved: undefined }],
  ] as const)
    it(`tells a taken port, and one that the system has reserved, from other failures: ${code}`, async () => {
      const refusing = Object.assign(new EventEmitter(), {
        listen: () => refusing.emit("error", Object.assign(new Error(code), { code })),
      });
      const createServer = sinon.stub(http, "createServer").returns(refusing as unknown as Server);
      try {
        const { code: found, data } = await faultOf(listen(8468));
        expect({ code: found, isReserved: data.isReserved }).to.deep.equal(fault);
      } finally {
        createServer.restore();
      }
    });

  it("gives the place of the connection that has sent nothing for longest to the 33rd", async () => {
    const server = await listen();
    const idle: Socket[] = [];
    try {
      for (let count = 0; count < 32; count += 1) {
        const socket = connect(server.port, "127.0.0.1");
        idle.push(socket);
        await once(socket, "connect");
      }
      const [oldest, ...others] = idle as [Socket, ...Socket[]];
      const closed = once(oldest.resume(), "close");
      expect((await send(server.port, "GET", "/")).statusCode).to.equal(200);
      await closed;
      expect(others.map(({ closed: isClosed }) => isClosed)).to.not.include(true);
    } finally {
      for (const socket of idle) socket.destroy();
      await server.close();
    }
  });

  it("disconnects a client that leaves more than 1 MiB of events unread", async () => {
    const half = "x".repeat(512 * 1024);
    let sent = 0;
    let onDispose: () => void = () => undefined;
    const disposed = new Promise<void>((resolve) => (onDispose = resolve));
    let send: (data: string) => void = () => undefined;
    const server = await listenOnLoopback(0, async () => ({
      kind: "events",
      headers: {},
      open: (sender) => {
        send = sender;
        return onDispose;
      },
    }));
    const socket = connect(server.port, "127.0.0.1").pause();
    try {
      socket.write(`GET /events HTTP/1.1\r\nHost: localhost:${server.port}\r\n\r\n`);
      // The buffers of the system, which take what is not read at first, have their limits.
      const sending = setInterval(() => {
        send(half);
        sent += half.length;
        if (sent > 64 * 1024 * 1024) onDispose();
      }, 1);
      await disposed;
      clearInterval(sending);
      expect(sent, "otherwise, it never ends").to.be.within(2 * half.length, 64 * 1024 * 1024);
    } finally {
      socket.destroy();
      await server.close();
    }
  });

  it("keeps nothing of requests that come on a connection before its response", async () => {
    let open = 0;
    let handled = 0;
    const server = await listenOnLoopback(0, async ({ target }) => {
      handled += 1;
      if (target === "/") return { kind: "page", status: 200, headers: {}, body: "" };
      const openStream = (): Disposer => {
        open += 1;
        return () => (open -= 1);
      };
      return { kind: "events", headers: {}, open: openStream };
    });
    try {
      for (const version of ["1.1", "1.0"]) {
        const socket = connect(server.port, "127.0.0.1").resume();
        const ended = new Promise((resolve) => socket.once("close", resolve));
        socket.on("error", () => undefined).setTimeout(500, () => socket.destroy());
        const request = (target: string): string =>
          `GET ${target} HTTP/${version}\r\nHost: x\r\nConnection: keep-alive\r\n\r\n`;
        socket.write(request("/") + request("/events").repeat(50));
        await ended;
      }
      expect(handled).to.equal(2);
      expect(open).to.equal(0);
      const began = performance.now();
      await server.close();
      expect(performance.now() - began).to.be.lessThan(400);
    } finally {
      await server.close();
    }
  });

  it("closes without waiting for a connection that sent no request", async () => {
    const server = await listen();
    const idle = connect(server.port, "127.0.0.1");
    await once(idle, "connect");
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).to.be.lessThan(400);
    idle.destroy();
  });
});

function send(
  port: number,
  method: string,
  path: string,
  extraHeaders: Record<string, string> = {},
  body = "",
): Promise<IncomingMessage> {
  const headers = { ...extraHeaders, "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path, headers };
    httpRequest(options, resolve).on("error", reject).end(body);
  });
}

function reader(response: IncomingMessage): LoopbackReader {
  response.setEncoding("utf8");
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<string>;
  let received = "";
  return {
    next: async () => {
      while (!received.includes("\n\n")) {
        const chunk = await chunks.next();
        if (chunk.done === true) return null;
        received += chunk.value;
      }
      const end = received.indexOf("\n\n");
      const event = received.slice(0, end);
      received = received.slice(end + 2);
      return event.replace(/^data: /gm, "");
    },
    disconnect: () => response.destroy(),
  };
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const settle = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("connect", settle(true))
      .once("error", settle(false))
      .once("timeout", settle(false));
  });
}

function addresses(): { address: string; internal: boolean }[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
}

function hasIpv6Loopback(): boolean {
  return addresses().some(({ address }) => address === "::1");
}

function outsideAddresses(): string[] {
  return addresses()
    .filter(({ address, internal }) => !internal && !address.startsWith("fe80"))
    .map(({ address }) => address);
}
