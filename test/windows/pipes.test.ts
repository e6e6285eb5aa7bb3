import { testPipes } from "../support/pipes-contract.js";

// The paths of more than one version of Node.js can be given, separated by semicolons.
const nodes = (process.env.WINDOWS_NODES ?? process.execPath).split(";");

describe("windows: pipes that the host does not read", function () {
  this.timeout(60_000);

  if (process.platform === "win32") {
    for (const node of nodes) describe(node, () => testPipes(node));
  } else {
    it.skip("needs Node.js for Windows; test/e2e/pipes.test.ts tests the same on other systems");
  }
});
