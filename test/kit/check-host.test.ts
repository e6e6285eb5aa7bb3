import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { check, HOST_ARGUMENTS } from "../support/check-host-fixture.js";
import { compileCSharpHost, NEWTONSOFT_JSON } from "../support/example-host-fixture.js";
import { requirePart, requireTool } from "../support/required-tool-fixture.js";

describe("kit: check-host", function () {
  this.timeout(180_000);

  it("passes the example host in C# in everything", async function () {
    requireTool(this, "mcs", "mono-mcs");
    requireTool(this, "mono", "mono-runtime");
    const hasJson = existsSync(NEWTONSOFT_JSON);
    requirePart(this, hasJson, "Newtonsoft.Json", "libnewtonsoft-json-cil-dev");
    const root = mkdtempSync(join(tmpdir(), "ucx-checks-"));
    try {
      const command = ["mono", await compileCSharpHost(), ...HOST_ARGUMENTS];
      const { code, report } = await check(root, command);
      expect(report.requirements.filter(({ outcome }) => outcome !== "passed")).to.deep.equal([]);
      expect(code).to.equal(0);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
