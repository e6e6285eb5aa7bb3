import { spawnSync } from "node:child_process";

import { PYTHON, PYTHON_HOST } from "../support/example-host-fixture.js";
import { describeExampleHost } from "../support/example-host-contract.js";
import { requirePart } from "../support/required-tool-fixture.js";

describeExampleHost("e2e: the host in Python", (context) => {
  const { status } = spawnSync(PYTHON, ["-c", "import pylsp_jsonrpc"]);
  requirePart(context, status === 0, "pylsp_jsonrpc of python3", "python3-pylsp-jsonrpc");
  return PYTHON_HOST;
});
