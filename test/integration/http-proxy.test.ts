import { expect } from "chai";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { Socket } from "node:net";

import type { Fault } from "../../src/faults/fault.js";
import { Secret } from "../../src/faults/secret.js";
import type { HttpResponse, HttpRoute } from "../../src/ports/http.js";
import { makeCertificates, type TestCertificates } from "../support/certificates-fixture.js";
import {
  TestServer,
  TestProxy,
  closedPort,
  expectUnreachable,
  faultOf,
  getRequest,
  listenOnFreePort,
  openHttp,
} from "../support/http-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";

const PASSWORD = "Passw0rd";

async function expectCredentialsHint(sending: Promise<HttpResponse>): Promise<Fault> {
  const fault = await expectUnreachable(sending, "proxy");
  expect(fault.message).to.match(/requires a user and a password|rejected the user/);
  expect(fault.hint).to.contain("secret proxy");
  expect(`${fault.message}${fault.stack ?? ""}`).not.to.match(/never-shown|presence|wrong/);
  return fault;
}

describe("AxiosHttp through a real proxy", function () {
  const resources: { stop(): Promise<void> }[] = [];
  let certificates: TestCertificates;
  let secure: TestServer;
  let plain: TestServer;
  let open: TestProxy;
  let authenticated: TestProxy;

  before(async function () {
    requireTool(this, "tinyproxy", "tinyproxy");
    certificates = makeCertificates();
    secure = new TestServer((_request, response) => response.end("secure"), certificates.good);
    plain = new TestServer((_request, response) => response.end("plain"));
    resources.push(await secure.start(), await plain.start());
    resources.push((open = await TestProxy.start()));
    authenticated = await TestProxy.start({ user: "presence", password: PASSWORD });
    resources.push(authenticated);
  });
  after(async () => {
    for (const part of resources) await part.stop();
  });

  async function send(url: string, route: Partial<HttpRoute>): Promise<HttpResponse> {
    const http = openHttp({ proxy: "", extraCertificates: certificates.authority, ...route });
    try {
      const headers = { Authorization: "Bearer never-shown" };
      return await http.send(getRequest(url, { headers }));
    } finally {
      http.close();
    }
  }
  const bodyOf = async (sending: Promise<HttpResponse>): Promise<string> =>
    new TextDecoder().decode((await sending).body);

  it("sends https through CONNECT, also to loopback, and trusts CaFile", async () => {
    const proxy = `http://127.0.0.1:${open.port}`;
    expect(await bodyOf(send(secure.url("/", "localhost"), { proxy }))).to.equal("secure");
    expect(await bodyOf(send(secure.url("/", "127.0.0.1"), { proxy }))).to.equal("secure");
    expect(open.requests).to.include.members([
      `CONNECT localhost:${secure.port}`,
      `CONNECT 127.0.0.1:${secure.port}`,
    ]);
    const untrusting = { proxy, extraCertificates: null };
    await expectUnreachable(send(secure.url("/", "localhost"), untrusting), "tls");
  });

  it("checks the certificate against the target's IP address, not the proxy's name", async () => {
    const listener: RequestListener = (_request, response) => response.end();
    const other = await new TestServer(listener, certificates.nameOnly).start();
    const fault = await faultOf(send(other.url("/"), { proxy: `http://localhost:${open.port}` }));
    await other.stop();
    expect(fault.message).to.contain("for another name");
  });

  it("sends http to a loopback address", async () => {
    const url = plain.url("/some/path?a=b");
    const proxy = `http://127.0.0.1:${open.port}`;
    expect(await bodyOf(send(url, { proxy }))).to.equal("plain");
    expect(open.requests).to.include(`GET ${url}`);
  });

  it("authenticates with user and password", async () => {
    const route = {
      proxy: `http://presence@127.0.0.1:${authenticated.port}`,
      proxyPassword: new Secret(PASSWORD),
    };
    expect(await bodyOf(send(secure.url("/", "localhost"), route))).to.equal("secure");
    expect(await bodyOf(send(plain.url("/"), route))).to.equal("plain");
  });

  it("percent-decodes the user and sends the password verbatim", async () => {
    const authorizationHeaders: (string | undefined)[] = [];
    const recorder = createServer((request, response) => {
      authorizationHeaders.push(request.headers["proxy-authorization"]);
      response.end();
    });
    recorder.on("connect", (request: IncomingMessage, socket: Socket) => {
      authorizationHeaders.push(request.headers["proxy-authorization"]);
      socket.end("HTTP/1.1 503 No\r\n\r\n");
    });
    const port = await listenOnFreePort(recorder);
    const proxyPassword = new Secret("p@ss:w%rd €");
    for (const [user, decoded] of [
      ["CORP%5Cus%40er", "CORP\\us@er"],
      ["100%", "100%"],
    ] as const) {
      const route = { proxy: `http://${user}@127.0.0.1:${port}`, proxyPassword };
      await send(plain.url("/"), route);
      await faultOf(send(secure.url("/"), route));
      const expected = `Basic ${Buffer.from(`${decoded}:p@ss:w%rd €`).toString("base64")}`;
      expect(authorizationHeaders.splice(0)).to.deep.equal([expected, expected]);
    }
    await new Promise((resolve) => recorder.close(resolve));
  });

  for (const [what, proxyPassword] of [
    ["a wrong password", new Secret("wrong")],
    ["no password", null],
  ] as const) {
    it(`names the command that saves the password after ${what}`, async () => {
      const route = { proxy: `http://presence@127.0.0.1:${authenticated.port}`, proxyPassword };
      await expectCredentialsHint(send(secure.url("/", "localhost"), route));
    });
  }

  it("names the command that saves the password when no user is set", async () => {
    const proxy = `http://127.0.0.1:${authenticated.port}`;
    for (const url of [secure.url("/", "localhost"), plain.url("/")]) {
      const fault = await expectCredentialsHint(send(url, { proxy }));
      expect(fault.message).to.contain("(407)");
    }
  });

  it("leaves no connection open after a proxy refuses 20 requests", async () => {
    const sockets = new Set<Socket>();
    const refusing = createServer((_request, response) =>
      response.writeHead(407).end("Who are you?"),
    );
    refusing.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    refusing.on("connect", (_request, socket: Socket) => {
      // Without reading, the end of the connection goes unnoticed.
      socket.resume().end("HTTP/1.1 407 Who\r\nContent-Length: 12\r\n\r\nWho are you?");
    });
    const http = openHttp({ proxy: `http://127.0.0.1:${await listenOnFreePort(refusing)}` });
    try {
      for (const url of [plain.url("/"), secure.url("/", "localhost")]) {
        // More than the maximum number of connections of a route.
        for (let i = 0; i < 20; i += 1) await expectCredentialsHint(http.send(getRequest(url)));
        while (sockets.size > 1)
          await once([...sockets].at(-1)!, "close", { signal: AbortSignal.timeout(2_000) });
      }
    } finally {
      http.close();
      refusing.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => refusing.close(resolve));
    }
  });

  it("distinguishes a proxy that cannot reach the target from one that cannot be reached", async () => {
    const refusing = await closedPort();
    const viaOpenProxy = { proxy: `http://127.0.0.1:${open.port}` };
    const target = `https://127.0.0.1:${refusing}/`;
    const targetFault = await expectUnreachable(send(target, viaOpenProxy), "proxy");
    expect(targetFault.message).to.match(/responded with 5\d\d instead of connecting/);
    for (const url of [secure.url("/", "localhost"), plain.url("/")]) {
      const viaClosedPort = { proxy: `http://127.0.0.1:${refusing}` };
      const { message } = await expectUnreachable(send(url, viaClosedPort), "proxy");
      expect(message).to.equal(`The proxy 127.0.0.1:${refusing} refused the connection.`);
    }
    const unknown = await faultOf(send(secure.url("/"), { proxy: "http://proxy.invalid:3128" }));
    expect(unknown.message).to.contain(
      "The name of the proxy proxy.invalid:3128 could not be resolved",
    );
  });

  it("says what a proxy says instead of connecting, without the password", async () => {
    const basic = Buffer.from(`presence:${PASSWORD}`).toString("base64");
    const page = "<title>Denied</title>";
    const challenge = (value: string): string => `407 No\r\nProxy-Authenticate: ${value}`;
    const cases: [string, RegExp, RegExp][] = [
      [
        `HTTP/1.1 403 No\r\nServer: squid\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: ${page.length}\r\n\r\n${page}`,
        /with 403 .*\(Server: squid, X-Squid-Error: ERR_ACCESS_DENIED 0, page "Denied"\)/,
        /Allow/,
      ],
      ["HTTP/1.1 503 No\r\n\r\n", /with 503 instead/, /DNS/],
      [`HTTP/1.1 502 No\r\nVia: ${PASSWORD} ${basic}\r\n\r\n`, /Via: \[secret\] \[secret\]/, /DNS/],
      [
        `HTTP/1.1 ${challenge("Negotiate, NTLM")}\r\n\r\n`,
        /does not speak: Negotiate, NTLM \(407\)/,
        /Basic only/,
      ],
      [
        `HTTP/1.1 ${challenge('NTLM\r\nProxy-Authenticate: Basic realm="a, Digest b", charset="x"')}\r\n\r\n`,
        /rejected the user and the password/,
        /secret proxy/,
      ],
      ["", /closed the connection/, /another service/],
      ["SSH-2.0-OpenSSH_9.2\r\n\r\n", /does not respond as an HTTP proxy/, /another service/],
      ["HTTP/1.1 200 OK\r\n\r\n220 mail\r\n", /webex\.example \(through the proxy /, /proxy/],
    ];
    for (const [answer, sentence, hint] of cases) {
      const server = createTcpServer((socket) => {
        socket.on("error", () => undefined).once("data", () => socket.end(answer));
      });
      const proxy = `http://presence@127.0.0.1:${await listenOnFreePort(server)}`;
      const route = { proxy, proxyPassword: new Secret(PASSWORD) };
      const fault = await faultOf(send("https://webex.example/", route));
      await new Promise((resolve) => server.close(resolve));
      expect(fault.message).to.match(sentence);
      expect(fault.hint).to.match(hint);
    }
  });

  it("gives up on a proxy whose header has no end, after little of it", async () => {
    let sentBytes = 0;
    const line = `X-Filler: ${"x".repeat(64 * 1024)}\r\n`;
    const server = createTcpServer((socket) => {
      const fill = (): void => {
        while (!socket.destroyed && sentBytes < 2 ** 30) {
          sentBytes += line.length;
          if (!socket.write(line)) return;
        }
      };
      socket.on("error", () => undefined).on("drain", fill);
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n");
        fill();
      });
    });
    const proxy = `http://127.0.0.1:${await listenOnFreePort(server)}`;
    const fault = await expectUnreachable(send("https://webex.example/", { proxy }), "proxy");
    await new Promise((resolve) => server.close(resolve));
    expect(fault.message).to.contain("does not respond as an HTTP proxy does");
    // What the system keeps for both ends comes on top of what the worker reads.
    expect(sentBytes).to.be.lessThan(16 * 2 ** 20);
  });

  it("reuses one tunnel for many requests", async () => {
    const earlier = open.requests.length;
    const proxy = `http://127.0.0.1:${open.port}`;
    const http = openHttp({ proxy, extraCertificates: certificates.authority });
    for (let i = 0; i < 5; i += 1) await http.send(getRequest(secure.url("/", "localhost")));
    http.close();
    expect(open.requests.slice(earlier)).to.deep.equal([`CONNECT localhost:${secure.port}`]);
  });

  it("closes the connection at once when a request is cancelled before the tunnel is open", async () => {
    const silent = createTcpServer();
    const connected = new Promise<Socket>((resolve) => silent.once("connection", resolve));
    const http = openHttp({ proxy: `http://127.0.0.1:${await listenOnFreePort(silent)}` });
    const controller = new AbortController();
    const sending = faultOf(http.send(getRequest(secure.url("/"), { signal: controller.signal })));
    const socket = (await connected).on("error", () => undefined).resume();
    controller.abort();
    expect((await sending).code).to.equal("cancelled");
    if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => silent.close(resolve));
    http.close();
  });

  describe("from the environment", () => {
    const upperCase = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];
    const names = [...upperCase, ...upperCase.map((name) => name.toLowerCase())];
    const before = Object.entries(process.env).filter(([name]) => names.includes(name));
    const environment = (values: NodeJS.ProcessEnv): void => {
      for (const name of names) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, values);
    };
    afterEach(() => environment(Object.fromEntries(before)));
    const viaProxy = async (url: string, route: Partial<HttpRoute> = {}): Promise<boolean> => {
      const earlier = open.requests.length;
      await send(url, route);
      return open.requests.length > earlier;
    };

    it("is used for https, also without a scheme", async () => {
      environment({ HTTPS_PROXY: `http://127.0.0.1:${open.port}` });
      expect(await viaProxy(secure.url("/", "localhost"))).to.equal(true);
      environment({ https_proxy: `127.0.0.1:${open.port}` });
      expect(await viaProxy(secure.url("/", "localhost"))).to.equal(true);
    });

    it("gets the user and password of the environment", async () => {
      const address = `127.0.0.1:${authenticated.port}`;
      environment({ HTTPS_PROXY: `http://presence:${encodeURIComponent(PASSWORD)}@${address}` });
      expect(await bodyOf(send(secure.url("/", "localhost"), {}))).to.equal("secure");
    });

    it("is not used for NO_PROXY, for plain http, or with the setting none", async () => {
      const proxy = `http://127.0.0.1:${open.port}`;
      environment({ HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: "localhost" });
      expect(await viaProxy(secure.url("/", "localhost"))).to.equal(false);
      expect(await viaProxy(plain.url("/"))).to.equal(false);
      expect(await viaProxy(secure.url("/", "127.0.0.1"), { proxy: "none" })).to.equal(false);
      expect(await viaProxy(secure.url("/", "127.0.0.1"))).to.equal(true);
    });

    for (const name of ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
      it(`is rejected, and named, if ${name} is not an http proxy`, async () => {
        environment({ [name]: "socks5://127.0.0.1:1080" });
        const fault = await expectUnreachable(send(secure.url("/", "localhost"), {}), "proxy");
        expect(fault.hint).to.contain(`Write ${name} as`);
      });
    }
  });
});
