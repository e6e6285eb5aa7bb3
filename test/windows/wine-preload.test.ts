import { execFileSync } from "node:child_process";
import { expect } from "chai";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PRELOAD = "./scripts/wine-preload.cjs";
/** Lets a process's first calls of libuv's `uv_spawn` fail, as they do in Wine now and then. */
const FAILING = `
const { ChildProcess } = require("node:child_process");
const { spawn } = ChildProcess.prototype;
const codes = new Map([...require("node:util").getSystemErrorMap()].map(([n, [name]]) => [name, n]));
const code = codes.get(process.env.FAILURE);
let calls = 0;
ChildProcess.prototype.spawn = function (options) {
  calls += 1;
  delete this._handle.spawn;
  if (calls <= Number(process.env.FAILING_SPAWNS)) this._handle.spawn = () => code;
  return spawn.call(this, options);
};
process.on("exit", () => console.log(calls + " calls"));
`;

describe("the preload of the Windows suite under Wine", function () {
  this.timeout(20_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-preload-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a script in a process whose first `failing` spawns fail. Returns what it printed. */
  function run(
    failing: number,
    script: string,
    failure = "UNKNOWN",
  ): { output: string; retries: string } {
    const failingPath = join(folder, "failing.cjs");
    writeFileSync(failingPath, FAILING);
    const retriesPath = join(folder, "retries.txt");
    writeFileSync(retriesPath, "");
    const output = execFileSync(
      process.execPath,
      ["--require", failingPath, "--require", PRELOAD, "--eval", script],
      {
        encoding: "utf8",
        env: {
          ...process.env,
          ...{ FAILING_SPAWNS: String(failing), FAILURE: failure, SPAWN_RETRIES: retriesPath },
        },
      },
    );
    return { output, retries: readFileSync(retriesPath, "utf8") };
  }

  const SPAWN = `
    try {
      const child = require("node:child_process").spawn(process.execPath, ["-p", "'printed'"]);
      child.stdout.pipe(process.stdout);
      child.once("exit", (code) => process.stdout.write("exit " + code + "\\n"));
    } catch (error) {
      console.log(error.message);
    }`;

  it("starts a process again once, with its pipes, and records that", () => {
    const { output, retries } = run(1, SPAWN);
    expect(output).to.contain("printed").and.contain("exit 0").and.contain("2 calls");
    expect(retries).to.match(/^.+\n$/);
  });

  it("starts a forked process again, with its channel", () => {
    const script = `
      const { fork } = require("node:child_process");
      const child = fork(${JSON.stringify(join(folder, "child.cjs"))});
      child.once("message", (message) => console.log(message));`;
    writeFileSync(join(folder, "child.cjs"), 'process.send("message of the child");');
    expect(run(1, script).output).to.contain("message of the child").and.contain("2 calls");
  });

  it("does not start it a third time, nor after another error", () => {
    const { output } = run(2, SPAWN);
    expect(output).to.contain("spawn UNKNOWN").and.contain("2 calls");
    const other = run(
      0,
      'require("node:child_process").spawn("nonexistent").on("error", () => 0);',
    );
    expect(other.output).to.contain("1 calls");
    expect(other.retries).to.equal("");
    const thrown = run(1, SPAWN, "EINVAL");
    expect(thrown.output).to.contain("spawn EINVAL").and.contain("1 calls");
    expect(thrown.retries).to.equal("");
  });

  it("asks for keep-alive only on a socket that is connected", () => {
    const script = `
      const socket = new (require("node:net").Socket)();
      socket._handle = { setKeepAlive: () => console.log("asked, connecting: " + socket.connecting) };
      for (socket.connecting of [true, false]) console.log(socket.setKeepAlive(true) === socket);
      process.exit();`;
    const { output } = run(0, script);
    expect(output.trim().split(/\r?\n/)).to.have.ordered.members([
      ...["true", "asked, connecting: false", "true", "0 calls"],
    ]);
  });
});
