import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { makeCertificates, type TestCertificates } from "../support/certificates-fixture.js";
import { CliHarness } from "../support/cli-harness.js";
import { requireKeychain, startKeychain } from "../support/keychain-fixture.js";
import { SwitchedPort } from "../support/recording-front-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const organizations = [{ name: "Secure Ltd", persons: 3 }];
/** What an administrator may have left there, and what Node.js obeys. */
const NO_VERIFICATION = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };

/** A server with a certificate that nobody has signed, and how many requests it has received. */
class Impostor {
  requests = 0;
  handshakes = 0;
  readonly #server: TlsServer;

  constructor(pair: { readonly key: string; readonly cert: string }) {
    const count = (): void => void (this.requests += 1);
    this.#server = createServer(pair, (_request, response) => {
      count();
      response.end("{}");
    });
    this.#server.on("connect", (_request, socket) => {
      count();
      socket.destroy();
    });
    this.#server.on("tlsClientError", () => void (this.handshakes += 1));
    this.#server.on("connection", () => void (this.handshakes += 1));
  }

  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("e2e: TLS is verified with NODE_TLS_REJECT_UNAUTHORIZED=0", function () {
  this.timeout(60_000);
  let certificates: TestCertificates;
  let webex: WebexSimulator;
  let impostor: Impostor;
  let impostorPort: number;
  let port: SwitchedPort;
  let harness: WorkerHarness | null = null;

  before(() => {
    certificates = makeCertificates();
  });
  beforeEach(async () => {
    webex = new WebexSimulator({ organizations, speed: 0 });
    await webex.start({ tls: certificates.good });
    impostor = new Impostor(certificates.selfSigned);
    impostorPort = await impostor.start();
    port = await SwitchedPort.start(Number(new URL(webex.url).port));
  });
  afterEach(async () => {
    await harness?.stop();
    harness = null;
    port.stop();
    impostor.stop();
    await webex.stop();
  });

  const apiUrl = (): string => `https://localhost:${port.port}/v1`;

  /** A worker that polls the true Webex, as CaFile makes it trusted. */
  async function startPolling(env: Readonly<Record<string, string>> = {}): Promise<WorkerHarness> {
    const started = await WorkerHarness.start({ env: { ...NO_VERIFICATION, ...env } });
    harness = started;
    const caFile = join(started.folder, "ca.pem");
    await writeFile(caFile, certificates.authority);
    await started.writeSettings(1, [
      `WebexPresence.ApiUrl=${apiUrl()}`,
      `WebexPresence.CaFile=${caFile}`,
      "WebexPresence.RequestsPerMinute=600",
    ]);
    await started.waitFor("settings", async () => ((await started.status()).enabled ? true : null));
    await started.host.request("authorization/setClient", webex.client);
    return started;
  }

  const grant = (): object => {
    const { orgId: _orgId, ...rest } = webex.issueGrant();
    return rest;
  };
  const failure = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      (result) => ({ result }),
      (error: unknown) => error,
    );

  it("for the API, revoking, an import, a device and a code", async () => {
    const worker = await startPolling();
    const request = (method: string, params: object): Promise<unknown> =>
      failure(worker.host.request(method, params));
    await request("authorization/import", grant());
    await worker.waitForSweep();
    const [person] = webex.people();
    const address = person!.emails[0]!;

    port.switchTo(impostorPort);
    const handshakes = (): number => impostor.handshakes;
    /** Expects that the step has led to the impostor, and no further. */
    const expectAttempt = async (step: string, run: () => Promise<unknown>): Promise<unknown> => {
      const before = handshakes();
      const outcome = await run();
      expect(handshakes(), step).to.be.greaterThan(before);
      expect(impostor.requests, step).to.equal(0);
      return outcome;
    };
    await expectAttempt("the API", () => worker.decide(address, { maxWaitMs: 2_000 }));
    const imported = await expectAttempt("an import", () =>
      request("authorization/import", grant()),
    );
    expect(imported).to.include({ code: 1301 });
    const device = await expectAttempt("a device", () =>
      request("authorization/begin", { method: "device" }),
    );
    expect(device).to.include({ code: 1301 });

    const { url } = (await worker.host.request("authorization/begin", { method: "browser" })) as {
      url: string;
    };
    await expectAttempt("a code", async () => {
      const page = new URL(url);
      const authorize = await fetch(`${page.origin}/authorize${page.search}`, {
        redirect: "manual",
      });
      const state = new URL(authorize.headers.get("location") ?? "").searchParams.get("state");
      const callback = `${page.origin}/oauth/callback?code=planted-code&state=${state}`;
      expect((await fetch(callback, { redirect: "manual" })).status).to.equal(303);
    });
    const [{ id } = { id: "" }] = webex.organizations;
    const revoked = await expectAttempt("revoking", () =>
      request("authorization/revoke", { orgId: id }),
    );
    expect(revoked).to.deep.equal({ result: { revokedAtWebex: false } });
    const log = await readFile(join(worker.logDirectory, "worker.log"), "utf8");
    expect(log).to.match(/no secure connection to .*self-signed/);
  });

  it("for the renewal of a token", async () => {
    const worker = await startPolling();
    await worker.host.request("authorization/import", grant());
    await worker.waitForSweep();
    // The next request finds its token expired, and the token endpoint in other hands.
    webex.expireAccessTokens();
    const mark = webex.requestsSince(0).length;
    webex.fail({ kind: "status", path: "/v1/access_token", times: null });
    await worker.host.request("worker/poll", {});
    await worker.waitFor(
      "an attempt to renew",
      () => (webex.requestsSince(mark, { path: "/v1/access_token" }).length > 0 ? true : null),
      8_000,
    );
    port.switchTo(impostorPort);
    const before = impostor.handshakes;
    await worker.waitFor(
      "another attempt",
      async () => {
        await worker.host.request("worker/poll", {}).catch(() => undefined);
        return impostor.handshakes > before ? true : null;
      },
      15_000,
    );
    expect(impostor.requests).to.equal(0);
  });

  it("for a proxy that is reached over TLS", async () => {
    const worker = await startPolling({
      HTTPS_PROXY: `https://planted-user:planted-password@localhost:${impostorPort}`,
      NO_PROXY: "",
      no_proxy: "",
      https_proxy: "",
    });
    const error = await failure(worker.host.request("authorization/import", grant()));
    expect(error).to.include({ code: 1301 });
    expect(impostor.handshakes).to.be.greaterThan(0);
    expect(impostor.requests).to.equal(0);
  });

  it("for the command line: doctor, import, and an authorization with a code", async function () {
    requireKeychain(this);
    const keychain = await startKeychain();
    const cli = await CliHarness.start({ ...keychain.env, ...NO_VERIFICATION });
    try {
      await cli.writeSettings(`WebexPresence.ApiUrl=${apiUrl()}`);
      port.switchTo(impostorPort);
      await cli.run(["secret", "client"], cli.clientLines());
      const { value } = await cli.json(["doctor"]);
      expect(value.checks.find(({ name }) => name === "TLS")?.state).to.equal("failed");
      const imported = await cli.run(["import"], JSON.stringify(grant()));
      expect(imported.code).to.equal(1);
      expect(imported.stderr).to.include("no secure connection");
      const device = await cli.run(["authorize", "--device"], "");
      expect(device.code).to.equal(1);
      expect(device.stderr).to.include("no secure connection");
      expect(impostor.handshakes).to.be.greaterThan(2);
      expect(impostor.requests).to.equal(0);
    } finally {
      await cli.stop();
      await keychain.stop();
    }
  });
});
