import { execFile, spawnSync } from "node:child_process";
import { expect } from "chai";

import { requirePart } from "../support/required-tool-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

// Debian's Python, which has Debian's packages; another python3 may come first on the PATH.
const PYTHON = "/usr/bin/python3";

interface HostOutput {
  initialize: { protocolVersion: string; worker: { name: string } };
  authorization: { state: string };
  subscription: { records: { uri: string; state: string; reason: string }[] };
  receivedInTime: boolean;
  changed: { changes: { uri: string; state: string }[] }[];
  status: { phase: string };
  error: { code: number; data: { issues: { path: string }[] } };
  exitCode: number;
}

describe("e2e: a host in Python with a third-party JSON-RPC library", function () {
  this.timeout(40_000);

  before(function () {
    const { status } = spawnSync(PYTHON, ["-c", "import pylsp_jsonrpc"]);
    requirePart(this, status === 0, "pylsp_jsonrpc of python3", "python3-pylsp-jsonrpc");
  });

  it("launches the worker, authorizes, enables presence, receives it and stops the worker", async () => {
    const harness = await WorkerHarness.start();
    try {
      await harness.host.shutdown();
      const address = harness.webex.people()[2]!.emails[0]!;
      harness.webex.setStatus(address, "active");
      const { orgId: _orgId, ...grant } = harness.webex.issueGrant();
      const worker = [
        "node",
        "dist/worker.cjs",
        "--settings",
        harness.settingsPath,
        "--secret-store",
        "memory",
        "--log-dir",
        harness.logDirectory,
      ];
      const output = await new Promise<HostOutput>((resolve, reject) => {
        const python = execFile(
          PYTHON,
          [
            "test/support/python-host-fixture.py",
            harness.settingsPath,
            `SIP:${address}`,
            ...worker,
          ],
          (error, stdout, stderr) => {
            if (error === null) resolve(JSON.parse(stdout) as HostOutput);
            else reject(new Error(stderr));
          },
        );
        python.stdin?.end(`${JSON.stringify({ client: harness.webex.client, grant })}\n`);
      });
      expect(output.initialize).to.deep.include({ protocolVersion: "1.1" });
      expect(output.authorization.state).to.equal("valid");
      expect(output.subscription.records[0]).to.include({
        uri: `SIP:${address}`,
        state: "unknown",
        reason: "disabled",
      });
      expect(output.receivedInTime).to.equal(true);
      expect(output.changed.at(-1)?.changes[0]).to.include({
        uri: `SIP:${address}`,
        state: "available",
      });
      expect(output.status.phase).to.equal("polling");
      expect(output.error.code).to.equal(-32602);
      expect(output.error.data.issues[0]?.path).to.equal("uri");
      expect(output.exitCode).to.equal(0);
    } finally {
      await harness.stop();
    }
  });
});
