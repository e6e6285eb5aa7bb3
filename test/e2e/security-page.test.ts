import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect } from "chai";

import { AuthorizationHarness, hasIpv6 } from "../support/authorization-harness.js";
import { skip } from "../support/windows-fixture.js";

const HOSTS = hasIpv6() ? ["127.0.0.1", "::1"] : ["127.0.0.1"];

describe("e2e: other programs and accounts at the port of the authorization page", function () {
  this.timeout(60_000);
  let harness: AuthorizationHarness;
  let address: string;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    // Whatever the environment says, requests are read strictly.
    harness = await AuthorizationHarness.start({ env: { NODE_OPTIONS: "--insecure-http-parser" } });
    address = await harness.open();
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await harness.stop();
  });

  async function open(host = "127.0.0.1"): Promise<Socket> {
    const socket = connect(harness.port, host).on("error", () => undefined);
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }

  /** Sends bytes, and resolves to everything that comes until the server closes the connection. */
  async function exchange(text: string, host?: string): Promise<string> {
    const socket = await open(host);
    let received = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (received += chunk));
    const closed = once(socket, "close");
    socket.write(text);
    await closed;
    return received;
  }

  const host = (): string => `Host: localhost:${harness.port}\r\n`;
  const page = async (): Promise<number> =>
    (await harness.request(`/${new URL(address).search}`)).status;
  const statuses = (text: string): string[] =>
    [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status = ""]) => status);

  it("learn nothing without the key, whether somebody has authorized or not", async () => {
    const { search } = new URL(address);
    const views = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const from of HOSTS) {
        for (const target of ["/", "/authorize", "/events", "/page.js", "/oauth/callback", "/x"]) {
          const { status, headers, body } = await harness.request(target, { host: from });
          expect(status, target).to.be.within(400, 499);
          expect(headers, target).to.not.have.any.keys("location", "set-cookie", "server");
          expect(headers, target).to.not.have.any.keys("access-control-allow-origin");
          found.push(body.replace(/nonce="[^"]*"|'nonce-[^']*'/g, ""));
        }
      }
      return found;
    };
    const before = await views();
    await harness.decide(address);
    await harness.waitForFlow(
      "authorized",
      () => harness.changes.at(-1)?.authorizations.length === 1,
    );
    expect(await views()).to.deep.equal(before);
    const [organization] = harness.webex.organizations;
    for (const text of [
      search.slice(5),
      harness.webex.client.clientId,
      organization!.id,
      "Example",
    ])
      expect(before.join()).to.not.include(text);
  });

  it("do not keep the page from others with connections that send nothing", async () => {
    for (let n = 0; n < 300; n += 1) await open(HOSTS[n % HOSTS.length]);
    expect(await page()).to.equal(200);
    if (process.platform === "linux") {
      const { pid } = await harness.worker.status();
      const open = (): number => readdirSync(`/proc/${pid}/fd`).length;
      await harness.worker.waitFor("closed connections", () => (open() < 100 ? true : null));
    }
    expect(sockets.filter(({ destroyed }) => !destroyed).length).to.be.lessThan(100);
  });

  it("are disconnected when they take longer than 10 s for a request", async () => {
    const startedAt = performance.now();
    const drips = [
      `GET / HTTP/1.1\r\n${host()}X: `,
      `POST /complete HTTP/1.1\r\n${host()}Content-Length: 9999\r\n\r\n`,
    ];
    const ended = await Promise.all(
      drips.map(async (head) => {
        const socket = await open();
        const closed = once(socket, "close").then(() => performance.now() - startedAt);
        socket.resume().write(head);
        const dripping = setInterval(() => {
          if (!socket.destroyed) socket.write("x");
        }, 200);
        return closed.finally(() => clearInterval(dripping));
      }),
    );
    for (const ms of ended) expect(ms).to.be.within(5_000, 14_000);
    expect(await page()).to.equal(200);
  });

  it("cannot hide a request behind another", async () => {
    const { search } = new URL(address);
    const hidden = `GET /${search} HTTP/1.1\r\n${host()}\r\n`;
    const post = `POST /complete HTTP/1.1\r\n${host()}`;
    // A connection carries one request, so a second one is never read.
    expect(statuses(await exchange(`GET / HTTP/1.1\r\n${host()}\r\n${hidden}`))).to.deep.equal([
      "403",
    ]);
    for (const head of [
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Content-Length: 5\r\nContent-Length: 6\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding : chunked\r\n",
      "Content-Length: +5\r\n",
    ]) {
      const answer = await exchange(`${post}${head}\r\n0\r\n\r\n${hidden}`);
      expect(statuses(answer), JSON.stringify(head)).to.deep.equal(["400"]);
      expect(answer).to.not.include("Example Ltd");
    }
    for (const request of [
      `GET / HTTP/1.1\r\n\r\n`,
      `GET / HTTP/1.1\r\n${host()}Host: evil.example\r\n\r\n`,
      `GET / HTTP/1.1\n${host()}\n\n`,
      `GET /\r\n\r\n`,
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    ]) {
      const answer = await exchange(`${request}${hidden}`);
      expect(
        statuses(answer).filter((status) => status < "400"),
        JSON.stringify(request),
      ).to.deep.equal([]);
    }
    expect(await page()).to.equal(200);
  });

  it("see nothing of a flow after its end, under the old key", async function () {
    if (HOSTS.length === 1) skip(this, "this machine has no IPv6");
    const { search } = new URL(address);
    await harness.worker.host.request("authorization/cancel");
    const next = await harness.waitForPage(address);
    expect(new URL(next).search).to.not.equal(search);
    for (const from of HOSTS)
      expect((await harness.request(`/${search}`, { host: from })).status).to.equal(403);
  });
});
