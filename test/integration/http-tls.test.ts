import { expect } from "chai";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { makeCertificates, type TestCertificates } from "../support/certificates-fixture.js";
import {
  TestServer,
  expectUnreachable,
  faultOf,
  getRequest,
  listenOnFreePort,
  openHttp,
} from "../support/http-fixture.js";

const ADAPTER = new URL("../../src/platform/axios-http.js", import.meta.url).href;
/** Sends a request over each route of its argument, and prints the outcomes. */
const CHILD = `
import { createAxiosHttp } from "${ADAPTER}";
const { signal } = new AbortController();
for (const { url, ...route } of JSON.parse(process.argv[1])) {
  const http = createAxiosHttp({ proxyPassword: null, extraCertificates: null, ...route });
  const request = { method: "GET", url, headers: {}, timeoutMs: 5000, maxBytes: 1000, signal };
  await http.send(request).then(({ status }) => console.log(status), (fault) => console.log(String(fault)));
  http.close();
}
`;

async function outcomesOf(routes: object[], variables: NodeJS.ProcessEnv): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", CHILD, JSON.stringify(routes)],
    { env: { ...process.env, ...variables } },
  );
  return stdout.trim().split("\n");
}

describe("AxiosHttp with additional certificates", () => {
  let certificates: TestCertificates;
  const servers: TestServer[] = [];

  before(function () {
    certificates = makeCertificates();
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  async function serverWith(
    pair: ConstructorParameters<typeof TestServer>[1],
  ): Promise<TestServer> {
    const server = new TestServer((_request, response) => response.end("secure"), pair);
    servers.push(server);
    return server.start();
  }

  async function outcome(
    server: TestServer,
    extraCertificates: string | null,
    host = "localhost",
  ): Promise<string> {
    const http = openHttp({ extraCertificates });
    try {
      const answer = await http.send(getRequest(server.url("/", host)));
      return new TextDecoder().decode(answer.body);
    } finally {
      http.close();
    }
  }

  it("trusts a chain to an authority of CaFile, by name and by IP address", async () => {
    const server = await serverWith(certificates.good);
    expect(await outcome(server, certificates.authority)).to.equal("secure");
    expect(await outcome(server, certificates.authority, "127.0.0.1")).to.equal("secure");
    expect(
      await outcome(server, `comment\r\n${certificates.authority.replaceAll("\n", "\r\n")}`),
    ).to.equal("secure");
  });

  it("trusts a chain to an intermediate authority, or to the server, of CaFile", async () => {
    const server = await serverWith(certificates.good);
    const [leaf = "", intermediate = ""] = certificates.good.cert.split(/(?=-----BEGIN)/);
    expect(await outcome(server, intermediate)).to.equal("secure");
    expect(await outcome(server, leaf)).to.equal("secure");
  });

  it("keeps trusting what Node trusts, whatever CaFile holds", async () => {
    const server = await serverWith(certificates.good);
    const folder = mkdtempSync(join(tmpdir(), "ucx-roots-"));
    const file = join(folder, "root.pem");
    writeFileSync(file, certificates.authority);
    const route = { url: server.url("/"), proxy: "none" };
    const { cert: extraCertificates } = certificates.selfSigned;
    try {
      for (const variables of [
        { NODE_OPTIONS: "--use-openssl-ca", SSL_CERT_FILE: file },
        { NODE_EXTRA_CA_CERTS: file },
      ]) {
        const outcomes = await outcomesOf([route, { ...route, extraCertificates }], variables);
        expect(outcomes).to.deep.equal(["200", "200"]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("names the remedy without CaFile", async () => {
    const server = await serverWith(certificates.good);
    const fault = await expectUnreachable(outcome(server, null), "tls");
    expect(fault.message).to.match(/no secure connection to localhost:\d+: .*not trusted here/);
    expect(fault.hint).to.contain("WebexPresence.CaFile");
  });

  it("says what is wrong with a certificate, which one it is, and how to mend that", async () => {
    const issued =
      /"localhost" was issued by "Test authority" and is valid from [-\d]+ to [-\d]+\.$/;
    const cases = [
      [certificates.otherName, /for another name \(elsewhere\.example\)/, /login page/],
      [certificates.expired, /expired/, /date and time.*renewed.*\("Test authority"\)/],
      [certificates.expired, issued, /date and time/],
      [
        certificates.expiredIssuer,
        /expired.*"Test old issuer" was issued by "Test authority"/,
        /date/,
      ],
      [
        certificates.selfSigned,
        /self-signed.*"localhost" was issued by itself/,
        /"localhost" is not/,
      ],
      [certificates.clientOnly, /may not be used for servers/, /"Test authority".*for servers/],
    ] as const;
    for (const [pair, sentence, hint] of cases) {
      const server = await serverWith(pair);
      const fault = await expectUnreachable(outcome(server, certificates.authority), "tls");
      expect(fault.message).to.match(sentence);
      expect(fault.hint).to.match(hint);
    }
  });

  it("says that CaFile lacks an authority, and which", async () => {
    const server = await serverWith(certificates.good);
    const without = await expectUnreachable(outcome(server, null), "tls");
    expect(without.hint).to.contain(
      'put its root certificate (PEM), "Test authority", into a file',
    );
    const { cert: other } = certificates.selfSigned;
    for (const [file, count] of [
      [other, "1 certificate"],
      [other + other, "2 certificates"],
    ] as const) {
      const { hint } = await expectUnreachable(outcome(server, file), "tls");
      expect(hint).to.match(
        new RegExp(`CaFile is in effect with ${count}, but "Test authority" is not among them`),
      );
    }
  });

  it("shows no more than a line of what a certificate says of itself", async () => {
    const server = await serverWith(certificates.longName);
    const { message, hint = "" } = await expectUnreachable(outcome(server, null), "tls");
    for (const text of [message, hint]) expect(text).to.match(/^[ -~\u2026]{1,700}$/);
  });

  it("reports a server that does not speak TLS, or closes the connection", async () => {
    const answers = [
      ["HTTP/1.1 400 Bad Request\r\n\r\n", "tls", /does not speak TLS on this port/, /port/],
      ["220 mail.example ready\r\n", "tls", /does not speak TLS on this port/, /port/],
      ["", "reset", /closed the connection during the TLS handshake/, /firewall/],
    ] as const;
    for (const [answer, reason, sentence, hint] of answers) {
      const server = createServer((socket) => {
        socket.on("error", () => undefined).once("data", () => socket.end(answer));
      });
      const http = openHttp();
      const sending = http.send(getRequest(`https://127.0.0.1:${await listenOnFreePort(server)}/`));
      const fault = await expectUnreachable(sending, reason);
      expect(fault.message).to.match(sentence);
      expect(fault.hint).to.match(hint);
      http.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("reports a server that demands what the worker does not have", async () => {
    const demands = [
      [{ requestCert: true, minVersion: "TLSv1.3" }, /requires a client certificate/],
      [{ requestCert: true, maxVersion: "TLSv1.2" }, /requires a client certificate/],
      [{ maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }, /no version/],
    ] as const;
    for (const [demand, sentence] of demands) {
      const server = await serverWith({ ...certificates.good, ...demand });
      const fault = await expectUnreachable(outcome(server, certificates.authority), "tls");
      expect(fault.message).to.match(sentence);
      expect(fault.hint).to.match(/firewall/);
    }
  });

  it("verifies certificates although NODE_TLS_REJECT_UNAUTHORIZED=0 is set", async () => {
    const server = await serverWith(certificates.selfSigned);
    const proxy = await new TestServer(() => undefined).start();
    servers.push(proxy);
    proxy.onConnect((socket, target) => {
      const [host = "", port] = target.split(":");
      const upstream = connect(Number(port), host).on("error", () => undefined);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(upstream).pipe(socket.on("error", () => undefined));
    });
    const url = server.url("/");
    const routes = [
      { url, proxy: "none" },
      { url, proxy: "none", extraCertificates: certificates.authority },
      { url, proxy: proxy.url("") },
      { url: "https://webex.example/", proxy: "" },
    ];
    const outcomes = await outcomesOf(routes, {
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      // For the last route: a proxy that is itself reached over TLS.
      HTTPS_PROXY: server.url(""),
    });
    expect(outcomes).to.have.length(routes.length);
    for (const outcome of outcomes)
      expect(outcome).to.match(/^Fault: There is no secure connection to .*self-signed/);
  });

  it("rejects a CaFile without a certificate", async () => {
    const server = await serverWith(certificates.good);
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (const text of ["", "not a certificate", broken]) {
      const fault = await faultOf(outcome(server, text));
      expect(fault.code).to.equal("webexUnreachable");
      expect(fault.hint).to.contain("CaFile");
    }
  });
});
