import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";

import { type ClientReport, runClientScenario } from "../support/client-scenario-fixture.js";
import { requirePart, requireTool } from "../support/required-tool-fixture.js";

const runProgram = promisify(execFile);
// Debian's Python, which has Debian's packages; another python3 may come first on the PATH.
const PYTHON = "/usr/bin/python3";
const GO_PATH = "/usr/share/gocode";
const GO_LIBRARY = `${GO_PATH}/src/github.com/sourcegraph/jsonrpc2`;

async function report(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ClientReport> {
  const options = { env: { ...process.env, ...env }, timeout: 60_000 };
  const { stdout, stderr } = await runProgram(program, args, options);
  try {
    return JSON.parse(stdout) as ClientReport;
  } catch {
    throw new Error(`${program} printed no report: ${stdout}${stderr}`);
  }
}

describe("clients: hosts with JSON-RPC libraries of other projects", function () {
  // The worker needs about 3 s for the scenario; the first build of the Go program needs most.
  this.timeout(90_000);

  it("works with Emacs's jsonrpc.el", async function () {
    requireTool(this, "emacs", "emacs-nox");
    await runClientScenario((_scenario, path) =>
      report("emacs", ["--batch", "-Q", "-l", "test/clients/emacs-client.el", path]),
    );
  });

  it("works with Neovim's vim.lsp.rpc", async function () {
    requireTool(this, "nvim", "neovim");
    const script = ["-c", "luafile test/clients/neovim-client.lua"];
    await runClientScenario((_scenario, path) =>
      report("nvim", ["--headless", "-u", "NONE", "-i", "NONE", "-n", ...script], {
        SCENARIO: path,
      }),
    );
  });

  it("works with jsonrpc-glib", async function () {
    const code = 'import gi; gi.require_version("Jsonrpc", "1.0")';
    const isInstalled = spawnSync(PYTHON, ["-c", code]).status === 0;
    requirePart(this, isInstalled, "jsonrpc-glib for Python", "python3-gi gir1.2-jsonrpc-1.0");
    await runClientScenario((_scenario, path) =>
      report(PYTHON, ["test/clients/glib-client.py", path]),
    );
  });

  it("works with sourcegraph/jsonrpc2 for Go", async function () {
    requireTool(this, "go", "golang-go");
    const debianPackage = "golang-github-sourcegraph-jsonrpc2-dev";
    requirePart(this, existsSync(GO_LIBRARY), "sourcegraph/jsonrpc2", debianPackage);
    await runClientScenario((_scenario, path) =>
      report("go", ["run", "test/clients/go-client.go", path], {
        GO111MODULE: "off",
        GOPATH: GO_PATH,
        GOFLAGS: "",
        GOCACHE: resolve("node_modules/.cache/go-build"),
      }),
    );
  });
});
