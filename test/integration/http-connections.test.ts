import { expect } from "chai";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { inspect } from "node:util";

import { createAxiosHttp } from "../../src/platform/axios-http.js";
import type { Http } from "../../src/ports/http.js";
import { TestServer, faultOf, getRequest } from "../support/http-fixture.js";

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) =>
    socket.closed ? resolve() : void socket.once("close", () => resolve()),
  );
}

describe("AxiosHttp connections", () => {
  let http: Http;
  const stops: (() => Promise<unknown>)[] = [];
  beforeEach(() => {
    http = createAxiosHttp({ proxy: "none", proxyPassword: null, extraCertificates: null });
  });
  afterEach(async () => {
    http.close();
    for (const stop of stops.splice(0)) await stop();
  });

  async function serve(listener: ConstructorParameters<typeof TestServer>[0]): Promise<TestServer> {
    const server = new TestServer(listener);
    await server.start();
    stops.push(() => server.stop());
    return server;
  }

  /** A TCP server. */
  async function serveBytes(onConnection: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stops.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  it("reuses one connection for 20 requests", async () => {
    const server = await serve((_request, response) => response.end("x"));
    for (let i = 0; i < 20; i += 1) await http.send(getRequest(server.url("/")));
    expect([server.requests.length, server.connections]).to.deep.equal([20, 1]);
  });

  describe("with a reusable buffer", () => {
    const text = (body: Uint8Array): string => new TextDecoder().decode(body);

    it("overwrites the previous body, and grows the buffer when a body needs it", async () => {
      const bodies = ["a".repeat(100_000), "b", "c".repeat(300_000), ""];
      const server = await serve((request, response) => {
        const body = bodies[Number(request.url?.slice(1))] ?? "";
        // With a first write, the response has no Content-Length.
        if (body.startsWith("c")) response.write(body.slice(0, 9));
        response.end(body.startsWith("c") ? body.slice(9) : body);
      });
      const buffer = { bytes: new Uint8Array(0) };
      const buffers: Uint8Array[] = [];
      for (const [index, body] of bodies.entries()) {
        const answer = await http.send(getRequest(server.url(`/${index}`), { buffer }));
        expect(text(answer.body) === body, `body ${index}`).to.equal(true);
        expect(answer.body.buffer).to.equal(buffer.bytes.buffer);
        buffers.push(buffer.bytes);
      }
      expect(buffers[1]).to.equal(buffers[0]);
      expect(buffers[3]).to.equal(buffers[2]);
      expect(buffers[2]).not.to.equal(buffers[1]);
    });

    it("still rejects a body over maxBytes", async () => {
      const server = await serve((_request, response) => response.end("x".repeat(1_000)));
      const buffer = { bytes: new Uint8Array(0) };
      expect(
        (await faultOf(http.send(getRequest(server.url("/"), { buffer, maxBytes: 999 })))).code,
      ).to.equal("webexError");
      expect(
        text((await http.send(getRequest(server.url("/"), { buffer, maxBytes: 1_000 }))).body),
      ).to.have.length(1_000);
    });

    it("does not write into the buffer after a request is cancelled", async () => {
      const finish: (() => void)[] = [];
      const server = await serve((request, response) => {
        if (request.url === "/slow") {
          response.write("old ");
          finish.push(() => response.end("old old old"));
        } else {
          response.write("new ");
          finish.push(() => response.end("new"));
        }
      });
      const buffer = { bytes: new Uint8Array(64) };
      const controller = new AbortController();
      const first = faultOf(
        http.send(getRequest(server.url("/slow"), { buffer, signal: controller.signal })),
      );
      while (buffer.bytes[0] !== "o".charCodeAt(0))
        await new Promise((resolve) => setImmediate(resolve));
      const second = http.send(getRequest(server.url("/fresh"), { buffer }));
      controller.abort();
      expect((await first).code).to.equal("cancelled");
      while (finish.length < 2) await new Promise((resolve) => setImmediate(resolve));
      for (const end of finish) end();
      expect(text((await second).body)).to.equal("new new");
    });
  });

  it("asks for no compression and adds no User-Agent", async () => {
    const server = await serve((_request, response) => response.end());
    await http.send(
      getRequest(server.url("/"), {
        headers: { "User-Agent": "mine", Accept: "application/json" },
      }),
    );
    expect(server.requests[0]?.headers).to.include({
      "accept-encoding": "identity",
      "user-agent": "mine",
      accept: "application/json",
    });
  });

  it("repeats a GET after a connection died while idle, and fails a POST", async () => {
    // Resets the connection at its second request, like a load balancer that has forgotten it.
    let answered = 0;
    const url = await serveBytes((socket) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        if (requests > 1) return void socket.resetAndDestroy();
        answered += 1;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
      });
    });
    await http.send(getRequest(url));
    expect((await http.send(getRequest(url))).status).to.equal(200);
    expect(answered).to.equal(2);
    const fault = await faultOf(http.send(getRequest(url, { method: "POST", body: "a=b" })));
    expect([fault.code, fault.data.reason]).to.deep.equal(["webexUnreachable", "reset"]);
  });

  it("does not repeat a request on a new connection that is reset", async () => {
    let connections = 0;
    const url = await serveBytes((socket) => {
      connections += 1;
      socket.once("data", () => socket.resetAndDestroy());
    });
    const fault = await faultOf(http.send(getRequest(url)));
    expect([fault.code, fault.data.reason, connections]).to.deep.equal([
      "webexUnreachable",
      "reset",
      1,
    ]);
  });

  it("reports a connection that closes in the middle of a response", async () => {
    const url = await serveBytes((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
    });
    const fault = await faultOf(http.send(getRequest(url)));
    expect(fault.code).to.equal("webexUnreachable");
    expect(fault.message).to.contain("in the middle of a response");
  });

  it("reports a response that is not HTTP as webexError", async () => {
    const url = await serveBytes((socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
    expect((await faultOf(http.send(getRequest(url)))).code).to.equal("webexError");
  });

  it("drops the connection while it reads a body that is too long", async () => {
    let sent = 0;
    const server = await serve((_request, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (!response.destroyed && sent < 200 * chunk.length && response.write(chunk))
          sent += chunk.length;
      };
      response.on("drain", more);
      more();
    });
    const fault = await faultOf(http.send(getRequest(server.url("/"), { maxBytes: 100_000 })));
    expect(fault.code).to.equal("webexError");
    const left = [...server.sockets];
    await Promise.all(left.map(closed));
    expect(sent).to.be.lessThan(100 * 65_536);
  });

  it("closes the connection on cancellation, and at the deadline while a response trickles in", async () => {
    const server = await serve((_request, response) => {
      response.write("begun");
    });
    const controller = new AbortController();
    const sending = faultOf(http.send(getRequest(server.url("/"), { signal: controller.signal })));
    while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [socket] = server.sockets;
    controller.abort();
    expect((await sending).code).to.equal("cancelled");
    if (socket !== undefined) await closed(socket);
    const finish = await faultOf(http.send(getRequest(server.url("/"), { timeoutMs: 80 })));
    expect([finish.code, finish.data.reason]).to.deep.equal(["webexUnreachable", "timeout"]);
  });

  it("leaves no token in the error it throws", async () => {
    const url = await serveBytes(
      (socket) => void socket.once("data", () => socket.resetAndDestroy()),
    );
    const headers = { Authorization: "Bearer top-secret-token" };
    for (const target of [url, "http://name.invalid/", "http://127.0.0.1:1/"]) {
      const fault = await faultOf(
        http.send(getRequest(`${target}?email=ann@corp.example`, { headers })),
      );
      expect(fault.code).to.equal("webexUnreachable");
      expect(inspect(fault, { depth: 10, showHidden: true })).not.to.match(
        /top-secret-token|corp\.example/,
      );
    }
  });

  it("reports a name that does not exist", async () => {
    const fault = await faultOf(http.send(getRequest("https://name.invalid/")));
    expect([fault.code, fault.data.reason]).to.deep.equal(["webexUnreachable", "dns"]);
    expect(fault.message).to.contain("name.invalid could not be resolved");
  });
});
