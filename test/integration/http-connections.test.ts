import { expect } from "chai";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { inspect } from "node:util";
import * as zlib from "node:zlib";

import type { Http, HttpRequest, HttpResponse } from "../../src/ports/http.js";
import {
  TestServer,
  expectUnreachable,
  faultOf,
  getRequest,
  listenOnFreePort,
  openHttp,
} from "../support/http-fixture.js";

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

describe("AxiosHttp connections", () => {
  let http: Http;
  const stops: (() => Promise<unknown>)[] = [];
  beforeEach(() => {
    http = openHttp();
  });
  afterEach(async () => {
    http.close();
    for (const stop of stops.splice(0)) await stop();
  });

  async function serve(listener: ConstructorParameters<typeof TestServer>[0]): Promise<TestServer> {
    const server = await new TestServer(listener).start();
    stops.push(() => server.stop());
    return server;
  }

  const get = (url: string, changes: Partial<HttpRequest> = {}): Promise<HttpResponse> =>
    http.send(getRequest(url, changes));

  /** A TCP server. */
  async function serveBytes(onConnection: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
      onConnection(socket);
    });
    const port = await listenOnFreePort(server);
    stops.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${port}/`;
  }

  it("reuses one connection for 20 requests", async () => {
    const server = await serve((_request, response) => response.end("x"));
    for (let i = 0; i < 20; i += 1) await get(server.url("/"));
    expect([server.requests.length, server.connections]).to.deep.equal([20, 1]);
  });

  it("keeps no request waiting for those without a response", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/answered") response.end("x");
    });
    const hanging = Array.from({ length: 100 }, () => faultOf(get(server.url("/"))));
    const silences: string[] = [];
    const onSilence = (): void => void silences.push("silence");
    const limits = { timeoutMs: 5_000, silenceTimeoutMs: 4_000, onSilence };
    expect((await get(server.url("/answered"), limits)).status).to.equal(200);
    expect(silences).to.deep.equal([]);
    http.close();
    await Promise.all(hanging);
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
        const answer = await get(server.url(`/${index}`), { buffer });
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
      const url = server.url("/");
      const { code } = await faultOf(get(url, { buffer, maxBytes: 999 }));
      expect(code).to.equal("webexError");
      expect(text((await get(url, { buffer, maxBytes: 1_000 })).body)).to.have.length(1_000);
    });

    it("does not write into the buffer after a request is cancelled", async () => {
      const finish: (() => void)[] = [];
      const server = await serve((request, response) => {
        const [begin, end] = request.url === "/slow" ? ["old ", "old old old"] : ["new ", "new"];
        response.write(begin);
        finish.push(() => response.end(end));
      });
      const buffer = { bytes: new Uint8Array(64) };
      const controller = new AbortController();
      const first = faultOf(get(server.url("/slow"), { buffer, signal: controller.signal }));
      while (buffer.bytes[0] !== "o".charCodeAt(0))
        await new Promise((resolve) => setImmediate(resolve));
      const second = get(server.url("/fresh"), { buffer });
      controller.abort();
      expect((await first).code).to.equal("cancelled");
      while (finish.length < 2) await new Promise((resolve) => setImmediate(resolve));
      for (const end of finish) end();
      expect(text((await second).body)).to.equal("new new");
    });
  });

  it("asks for compression and adds no User-Agent", async () => {
    const server = await serve((_request, response) => response.end());
    const headers = { "User-Agent": "mine", Accept: "application/json" };
    await get(server.url("/"), { headers });
    const zstd = "createZstdDecompress" in zlib ? ", zstd" : "";
    expect(server.requests[0]?.headers).to.include({
      "accept-encoding": `gzip, br${zstd}`,
      "user-agent": "mine",
      accept: "application/json",
    });
  });

  it("says that a GET met a connection that died while idle, and repeats nothing", async () => {
    // Resets the connection at its second request, like a load balancer that has forgotten it.
    let received = 0;
    const url = await serveBytes((socket) => {
      let requests = 0;
      socket.on("data", () => {
        received += 1;
        requests += 1;
        if (requests > 1) return void socket.resetAndDestroy();
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
      });
    });
    await get(url);
    await expectUnreachable(get(url), "staleConnection");
    expect(received).to.equal(2);
    expect((await get(url)).status).to.equal(200);
    await expectUnreachable(get(url, { method: "POST", body: "a=b" }), "reset");
    expect(received).to.equal(4);
  });

  it("does not repeat a request on a new connection that is reset", async () => {
    let connections = 0;
    const url = await serveBytes((socket) => {
      connections += 1;
      socket.once("data", () => socket.resetAndDestroy());
    });
    await expectUnreachable(get(url), "reset");
    expect(connections).to.equal(1);
  });

  it("reports a connection that closes in the middle of a response", async () => {
    const url = await serveBytes((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
    });
    const fault = await expectUnreachable(get(url), "reset");
    expect(fault.message).to.contain("in the middle of a response");
  });

  it("reports a response that is not HTTP as webexError", async () => {
    const url = await serveBytes((socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
    expect((await faultOf(get(url))).code).to.equal("webexError");
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
    const fault = await faultOf(get(server.url("/"), { maxBytes: 100_000 }));
    expect(fault.code).to.equal("webexError");
    await Promise.all([...server.sockets].map(closed));
    expect(sent).to.be.lessThan(100 * 65_536);
  });

  it("closes the connection on cancellation, and at the deadline while a response trickles in", async () => {
    const server = await serve((_request, response) => response.write("begun"));
    const controller = new AbortController();
    const sending = faultOf(get(server.url("/"), { signal: controller.signal }));
    while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [socket] = server.sockets;
    controller.abort();
    expect((await sending).code).to.equal("cancelled");
    if (socket !== undefined) await closed(socket);
    await expectUnreachable(get(server.url("/"), { timeoutMs: 80 }), "timeout");
  });

  it("leaves no token in the error it throws", async () => {
    const url = await serveBytes(
      (socket) => void socket.once("data", () => socket.resetAndDestroy()),
    );
    const headers = { Authorization: "Bearer top-secret-token" };
    for (const target of [url, "http://name.invalid/", "http://127.0.0.1:1/"]) {
      const fault = await faultOf(get(`${target}?email=ann@corp.example`, { headers }));
      expect(fault.code).to.equal("webexUnreachable");
      const text = inspect(fault, { depth: 10, showHidden: true });
      expect(text).not.to.match(/top-secret-token|corp\.example/);
    }
  });

  it("reports a name that does not exist", async () => {
    const fault = await expectUnreachable(get("https://name.invalid/"), "dns");
    expect(fault.message).to.contain("name.invalid could not be resolved");
    expect(fault.hint, "which setting has the name").to.match(/^Check WebexPresence\.ApiUrl and /);
  });
});
