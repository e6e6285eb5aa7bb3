import { expect } from "chai";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, createServer, type Socket } from "node:net";

import type { Fault } from "../../src/faults/fault.js";
import type { Http, HttpRequest, HttpResponse } from "../../src/ports/http.js";
import {
  TestServer,
  expectUnreachable,
  getRequest,
  listenOnFreePort,
  openHttp,
} from "../support/http-fixture.js";
import { skip } from "../support/windows-fixture.js";

const SILENCE_MS = 200;

describe("AxiosHttp with a server that is silent", () => {
  let http: Http;
  let reports: Fault[];
  const stops: (() => unknown)[] = [];

  beforeEach(() => {
    http = openHttp();
    reports = [];
  });
  afterEach(async () => {
    http.close();
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  const send = (url: string, changes: Partial<HttpRequest> = {}): Promise<HttpResponse> =>
    http.send(
      getRequest(url, {
        timeoutMs: 60_000,
        silenceTimeoutMs: SILENCE_MS,
        onSilence: (fault) => void reports.push(fault),
        ...changes,
      }),
    );

  /** Expects a report after half of the time, then the end of the request with the same words. */
  async function expectSilence(
    sending: Promise<HttpResponse>,
    subject: RegExp,
    silenceMs = SILENCE_MS,
  ): Promise<void> {
    const fault = await expectUnreachable(sending, "timeout");
    expect(fault.message).to.match(subject);
    expect(fault.message).to.include(`for more than ${silenceMs / 2_000} s`);
    expect(reports.map(({ message }) => message)).to.deep.equal([fault.message]);
  }

  /** A TCP server that accepts connections and sends nothing. Returns its port and connections. */
  async function silentServer(): Promise<{ port: number; sockets: Socket[] }> {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => undefined).resume());
    });
    stops.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return { port: await listenOnFreePort(server), sockets };
  }

  async function serve(listener: ConstructorParameters<typeof TestServer>[0]): Promise<TestServer> {
    const server = await new TestServer(listener).start();
    stops.push(() => server.stop());
    return server;
  }

  it("before a response", async () => {
    const { port, sockets } = await silentServer();
    await expectSilence(send(`http://127.0.0.1:${port}/`), /^127\.0\.0\.1:\d+ has not responded/);
    if (sockets[0]?.closed === false) await once(sockets[0], "close");
  });

  it("to a POST, as to the token endpoint", async () => {
    const { port } = await silentServer();
    const form = { method: "POST", body: "grant_type=refresh_token" } as const;
    await expectSilence(send(`http://127.0.0.1:${port}/`, form), /has not responded/);
  });

  it("during the TLS handshake", async () => {
    const { port } = await silentServer();
    await expectSilence(send(`https://127.0.0.1:${port}/`), /^127\.0\.0\.1:\d+ has not responded/);
  });

  it("after it has accepted a request for a tunnel", async () => {
    const { port, sockets } = await silentServer();
    http.close();
    http = openHttp({ proxy: `http://127.0.0.1:${port}` });
    // Long enough for the connection to the proxy to open before the first report.
    const sending = send("https://webex.example/", { silenceTimeoutMs: 1_500 });
    const subject = new RegExp(`^The proxy 127.0.0.1:${port} has not responded`);
    await expectSilence(sending, subject, 1_500);
    if (sockets[0]?.closed === false) await once(sockets[0], "close");
  });

  it("behind a proxy that has opened the tunnel", async () => {
    const { port, sockets } = await silentServer();
    const proxy = await serve(() => undefined);
    proxy.onConnect((socket) => {
      const target = connect(port, "127.0.0.1").on("error", () => undefined);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(target).pipe(socket.on("error", () => undefined));
    });
    http.close();
    http = openHttp({ proxy: proxy.url("") });
    // Long enough for the tunnel to open before the first report.
    const sending = send("https://webex.example/", { silenceTimeoutMs: 1_500 });
    await expectSilence(
      sending,
      /^webex\.example \(through the proxy [^)]+\) has not responded/,
      1_500,
    );
    expect(sockets).to.have.length(1);
  });

  it("when a connection is opened", async function () {
    if (process.platform !== "linux")
      skip(this, "only Linux drops connections to a full queue in silence, as a firewall does");
    const child = spawn(process.execPath, [
      "-e",
      "const s = require('node:net').createServer().listen({port: 0, host: '127.0.0.1', backlog: 1}, () => console.log(s.address().port))",
    ]);
    stops.push(() => child.kill("SIGKILL"));
    const port = Number(String((await once(child.stdout, "data"))[0]));
    await suspend(child);
    for (let i = 0; i < 4; i += 1) {
      const filler = connect(port, "127.0.0.1").on("error", () => undefined);
      stops.push(() => filler.destroy());
    }
    await expectSilence(send(`http://127.0.0.1:${port}/`), /^127\.0\.0\.1:\d+ has not responded/);
  });

  it("in the middle of a response", async () => {
    const server = await serve((_request, response) => void response.write("half"));
    await expectSilence(send(server.url("/")), /has sent nothing .* in the middle of a response/);
  });

  it("in the middle of a compressed response", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "Content-Encoding": "gzip" });
      response.write(Buffer.from("1f8b0800000000000003", "hex"));
    });
    await expectSilence(send(server.url("/")), /has sent nothing .* in the middle of a response/);
  });

  it("is waited for while its bytes keep coming, until the deadline", async () => {
    let response: ServerResponse | null = null;
    const server = await serve((_request, started) => {
      response = started;
    });
    const trickle = setInterval(() => response?.write("x"), 20);
    stops.push(() => clearInterval(trickle));
    const sending = send(server.url("/"), { timeoutMs: 1_500, silenceTimeoutMs: 1_000 });
    const fault = await expectUnreachable(sending, "timeout");
    expect(fault.message).to.include("did not complete its response within 1.5 s");
    expect(reports).to.deep.equal([]);
  });

  it("is left for a new connection, although older ones are idle", async () => {
    const isDead = new WeakSet<Socket>();
    const server = await serve((request, response) => {
      if (isDead.has(request.socket)) return;
      // The first connections answer together, so that there are several.
      if (request.url === "/first" && server.requests.length < 3) {
        held.push(response);
        return;
      }
      for (const other of held.splice(0)) other.end("x");
      response.end("x");
    });
    const held: ServerResponse[] = [];
    await Promise.all(["/first", "/first", "/first"].map((path) => send(server.url(path))));
    expect(server.connections).to.equal(3);
    reports = [];
    for (const socket of server.sockets) isDead.add(socket);
    await expectSilence(send(server.url("/next")), /has not responded/);
    expect((await send(server.url("/next"))).status).to.equal(200);
    expect(server.connections).to.equal(4);
  });
});

async function suspend(child: ChildProcess): Promise<void> {
  child.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 50));
}
