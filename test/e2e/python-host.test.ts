import { spawnSync } from "node:child_process";
import { execFile } from "node:child_process";
import { expect } from "chai";

import { requireTool } from "../support/require-tool.js";
import { WorkerRig } from "../support/worker-rig.js";

// Debian's, which sees Debian's packages; another python3 may come first on the PATH.
const PYTHON = "/usr/bin/python3";

interface Heard {
  initialize: { protocolVersion: string; worker: { name: string } };
  authorization: { state: string };
  subscription: { records: { uri: string; state: string; reason: string }[] };
  heardInTime: boolean;
  changed: { changes: { uri: string; state: string }[] }[];
  status: { phase: string };
  error: { code: number; data: { issues: { path: string }[] } };
  exitCode: number;
}

describe("e2e: a host in Python, with a JSON-RPC library that is not ours", function () {
  this.timeout(40_000);

  before(function () {
    const { status } = spawnSync(PYTHON, ["-c", "import pylsp_jsonrpc"]);
    if (status !== 0) requireTool(this, "python3-with-pylsp-jsonrpc", "python3-pylsp-jsonrpc");
  });

  it("launches the worker, authorizes, flips the setting, hears of presence and ends it", async () => {
    const rig = await WorkerRig.start();
    try {
      await rig.host.shutdown();
      const address = rig.webex.people()[2]!.emails[0]!;
      rig.webex.setStatus(address, "active");
      const { orgId: _orgId, ...grant } = rig.webex.issueGrant();
      const worker = [
        "node",
        "dist/worker.cjs",
        "--settings",
        rig.settingsPath,
        "--secret-store",
        "memory",
        "--log-dir",
        rig.logDirectory,
      ];
      const heard = await new Promise<Heard>((resolve, reject) => {
        const python = execFile(
          PYTHON,
          ["test/support/python-host.py", rig.settingsPath, `SIP:${address}`, ...worker],
          (error, stdout, stderr) => {
            if (error === null) resolve(JSON.parse(stdout) as Heard);
            else reject(new Error(stderr));
          },
        );
        python.stdin?.end(`${JSON.stringify({ client: rig.webex.client, grant })}\n`);
      });
      expect(heard.initialize).to.deep.include({ protocolVersion: "1.0" });
      expect(heard.authorization.state).to.equal("valid");
      expect(heard.subscription.records[0]).to.include({ uri: `SIP:${address}`, state: "unknown", reason: "disabled" });
      expect(heard.heardInTime).to.equal(true);
      expect(heard.changed.at(-1)?.changes[0]).to.include({ uri: `SIP:${address}`, state: "available" });
      expect(heard.status.phase).to.equal("polling");
      expect(heard.error.code).to.equal(-32602);
      expect(heard.error.data.issues[0]?.path).to.equal("uri");
      expect(heard.exitCode).to.equal(0);
    } finally {
      await rig.stop();
    }
  });
});
