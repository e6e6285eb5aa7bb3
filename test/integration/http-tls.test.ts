import { expect } from "chai";

import {
  TestServer,
  type TestCertificates,
  expectUnreachable,
  faultOf,
  getRequest,
  makeCertificates,
  openHttp,
} from "../support/http-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";

describe("AxiosHttp with additional certificates", () => {
  let certificates: TestCertificates;
  const servers: TestServer[] = [];

  before(function () {
    requireTool(this, "openssl", "openssl");
    certificates = makeCertificates();
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  async function serverWith(pair: { key: string; cert: string }): Promise<TestServer> {
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

  it("names the remedy without CaFile", async () => {
    const server = await serverWith(certificates.good);
    const fault = await expectUnreachable(outcome(server, null), "tls");
    expect(fault.message).to.match(/no secure connection to localhost:\d+: .*not trusted here/);
    expect(fault.hint).to.contain("WebexPresence.CaFile");
  });

  it("says what is wrong with a certificate", async () => {
    const cases = [
      [certificates.otherName, /for another name/],
      [certificates.expired, /expired/],
      [certificates.selfSigned, /self-signed/],
    ] as const;
    for (const [pair, sentence] of cases) {
      const server = await serverWith(pair);
      const fault = await expectUnreachable(outcome(server, certificates.authority), "tls");
      expect(fault.message).to.match(sentence);
    }
  });

  it("reports a server that does not speak TLS", async () => {
    const server = await new TestServer((_request, response) => response.end()).start();
    servers.push(server);
    const http = openHttp();
    const url = server.url("/").replace("http:", "https:");
    await expectUnreachable(http.send(getRequest(url)), "tls");
    http.close();
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
