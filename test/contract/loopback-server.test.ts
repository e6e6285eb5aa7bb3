import { once } from "node:events";
import http, { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces } from "node:os";

import { expect } from "chai";
import sinon from "sinon";

import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import {
  type LoopbackReader,
  loopbackServerContract,
} from "../support/loopback-server-contract.js";
import { FakeLoopback } from "../support/loopback-server-fake.js";

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

loopbackServerContract("node:http", () => ({
  listen: listenOnLoopback,
  request: async (port, { method = "GET", target, headers = {}, body = "" }) => {
    const response = await send(port, method, target, headers, body);
    response.setEncoding("utf8");
    let text = "";
    for await (const chunk of response) text += chunk as string;
    const named = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(named) as Record<string, string>,
      body: text,
    };
  },
  stream: async (port, target) => reader(await send(port, "GET", target, {}, "")),
}));

describe("LoopbackServer on node:http", () => {
  it("listens on both loopback addresses and on nothing else", async function () {
    const server = await listenOnLoopback(0, async () => ({
      kind: "page",
      status: 200,
      headers: {},
      body: "here",
    }));
    try {
      expect(await reaches("127.0.0.1", server.port)).to.equal(true);
      if (hasIpv6Loopback()) expect(await reaches("::1", server.port)).to.equal(true);
      for (const address of outsideAddresses())
        expect(await reaches(address, server.port), address).to.equal(false);
    } finally {
      await server.close();
    }
  });

  it("rejects with redirectPortInUse if only ::1 is taken, and leaves nothing listening", async function () {
    if (!hasIpv6Loopback()) this.skip();
    const other = createServer();
    other.listen(0, "::1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    try {
      const fault = await listenOnLoopback(port, async () => ({
        kind: "page",
        status: 200,
        headers: {},
        body: "",
      })).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(fault).to.include({ code: "redirectPortInUse" });
      expect(await reaches("127.0.0.1", port)).to.equal(false);
    } finally {
      other.close();
    }
  });

  it("goes on serving after a connection could not be accepted", async () => {
    const createServer = sinon.spy(http, "createServer");
    const server = await listenOnLoopback(0, async () => ({
      kind: "page",
      status: 200,
      headers: {},
      body: "",
    }));
    try {
      for (const httpServer of createServer.returnValues)
        httpServer.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
      expect((await send(server.port, "GET", "/", {}, "")).statusCode).to.equal(200);
    } finally {
      createServer.restore();
      await server.close();
    }
  });

  it("closes without waiting for a connection that sent no request", async () => {
    const server = await listenOnLoopback(0, async () => ({
      kind: "page",
      status: 200,
      headers: {},
      body: "",
    }));
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
  headers: Record<string, string>,
  body: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
      },
      resolve,
    );
    request.on("error", reject);
    request.end(body);
  });
}

function reader(response: IncomingMessage): LoopbackReader {
  response.setEncoding("utf8");
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<string>;
  let text = "";
  return {
    next: async () => {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end !== -1) {
          const lines = text.slice(0, end).split("\n");
          text = text.slice(end + 2);
          return lines.map((line) => line.replace(/^data: /, "")).join("\n");
        }
        const chunk = await chunks.next();
        if (chunk.done === true) return null;
        text += chunk.value;
      }
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
