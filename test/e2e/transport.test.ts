import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { makeCertificates } from "../support/certificates-fixture.js";
import { type Status, WorkerHarness } from "../support/worker-harness.js";

type Problem = Status["problems"][number];

describe("e2e: what stands between the worker and Webex", function () {
  // The worker waits 10 s for a byte before it reports, and 20 s before it gives up.
  this.timeout(150_000);
  let harness: WorkerHarness;

  afterEach(async () => {
    await harness.stop();
  });

  const waitForProblem = (code: string, timeoutMs: number): Promise<Problem> =>
    harness.waitFor(
      code,
      async () => (await harness.status()).problems.find((p) => p.code === code) ?? null,
      timeoutMs,
    );
  const waitForSweep = (timeoutMs: number): Promise<unknown> =>
    harness.waitFor(
      "a complete sweep without a problem",
      async () => {
        const { organizations, problems } = await harness.status();
        const isClean = problems.every(({ severity }) => severity === "info");
        return isClean && organizations[0]?.lastSweep ? true : null;
      },
      timeoutMs,
    );

  it("shows a server that is silent while the request is in flight, and gives up after 20 s", async () => {
    harness = await WorkerHarness.start();
    await harness.authorize();
    const hanging = harness.webex.mark();
    harness.webex.fail({ kind: "hang", path: "/v1/people" });
    await harness.writeSettings(1);
    const problem = await waitForProblem("webexUnreachable", 15_000);
    expect(problem.message).to.match(
      / 127\.0\.0\.1:\d+ has not responded for more than 10 s\. Its presence becomes stale/,
    );
    expect(problem.hint).to.include("firewall");
    const requests = harness.webex.requestsSince(hanging, { path: "/v1/people" });
    expect(requests.map(({ status }) => status)).to.deep.equal([null]);
    await waitForSweep(15_000);
    expect(harness.webex.requestsSince(hanging, { path: "/v1/people" })).to.have.length.at.least(2);
  });

  it("shows a token endpoint that is silent", async () => {
    harness = await WorkerHarness.start({ enable: 1 });
    harness.webex.fail({ kind: "hang", path: "/v1/access_token" });
    await harness.authorize();
    harness.webex.fail({ kind: "status", status: 401, body: "webex", path: "/v1/people", skip: 1 });
    const { message } = await waitForProblem("webexUnreachable", 30_000);
    expect(message).to.match(/has not responded for more than 10 s\. /);
  });

  it("survives responses that cannot be decoded", async () => {
    harness = await WorkerHarness.start();
    await harness.host.request("authorization/setClient", harness.webex.client);
    const { orgId: _orgId, ...grant } = harness.webex.issueGrant();
    for (const kind of ["unknownCoding", "truncatedGzip", "gzipBomb"] as const) {
      harness.webex.fail({ kind, path: "/v1/people/me" });
      const error = await harness.host
        .request("authorization/import", grant)
        .catch((failure: unknown) => failure);
      expect(error, kind).to.include({ code: 1301 });
    }
    await harness.authorize();
  });

  it("trusts a CaFile with new content by itself, and no other server whatever Node is told", async function () {
    const { authority, good: tls } = makeCertificates();
    const other = makeCertificates().authority;
    const secure = new WebexSimulator({ organizations: [{ name: "Secure Ltd", persons: 3 }] });
    await secure.start({ tls });
    try {
      harness = await WorkerHarness.start({ env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
      const caFile = join(harness.folder, "ca.pem");
      await writeFile(caFile, other);
      const lines = [`WebexPresence.ApiUrl=${secure.apiUrl}`, `WebexPresence.CaFile=${caFile}`];
      await harness.writeSettings(1, lines);
      await harness.waitFor("settings", async () =>
        (await harness.status()).enabled ? true : null,
      );
      await harness.host.request("authorization/setClient", secure.client);
      const { orgId: _orgId, ...grant } = secure.issueGrant();
      const tryImport = (): Promise<unknown> =>
        harness.host.request("authorization/import", grant).catch((error: unknown) => error);
      expect(await tryImport()).to.include({ code: 1301 });
      expect(secure.requestsSince(0)).to.deep.equal([]);
      // Joined without a line end, as many a tool does.
      await writeFile(caFile, `${other.trimEnd()}${authority}`);
      await harness.waitFor(
        "the new certificates",
        async () => ((await tryImport()) instanceof Error ? null : true),
        15_000,
      );
      await waitForSweep(5_000);
      const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
      expect(log).to.include("NODE_TLS_REJECT_UNAUTHORIZED=0. The worker ignores that");
      expect(log).to.include("The certificate file has new content, which is in effect.");
    } finally {
      await secure.stop();
    }
  });
});
