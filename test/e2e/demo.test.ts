import { spawn, type ChildProcess } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { NO_SIGNALS, skipOnWindows } from "../support/windows-fixture.js";

const DEMO = resolve("dist/demo.mjs");
const DEMO_FILES = ["demo.mjs", "client.cjs"];
// Matches every simulated secret: many hexadecimal digits, or the mark of Webex tokens.
const SECRET_PATTERN = /[0-9a-f]{32}|_PF84_/;

/** The worker as one of protocol 1.0, which does not know the member; names of the same length. */
const WORKER_WITHOUT_MAX_AGE = `
const { spawn } = require("node:child_process");
const worker = spawn(process.execPath, process.argv.slice(2), { stdio: ["pipe", 1, 2] });
process.stdin.on("data", (bytes) => {
  worker.stdin.write(bytes.toString("latin1").replace("maxAgeSeconds", "maxAgeUnknown"), "latin1");
});
process.stdin.on("end", () => worker.stdin.end());
worker.on("exit", (code) => process.exit(code));
`;

interface Run {
  readonly process: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

/** Copies the demo without a worker and its manifest. Returns its path. */
async function copyDemo(installation: string): Promise<string> {
  await mkdir(join(installation, "dist"), { recursive: true });
  for (const name of DEMO_FILES) {
    await copyFile(join("dist", name), join(installation, "dist", name));
  }
  return join(installation, "dist", "demo.mjs");
}

describe("demo", function () {
  this.timeout(90_000);
  let temporary: string;
  let runs: Run[];

  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), "ucx-demo-test-"));
    runs = [];
  });

  afterEach(async () => {
    for (const { process } of runs) process.kill("SIGKILL");
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
  });

  function run(command: string, args: readonly string[]): Run {
    // With CI set, Node reports a terminal without colors (tty.WriteStream.getColorDepth).
    const { CI: _ci, ...inherited } = process.env;
    const env = {
      ...inherited,
      TMPDIR: temporary,
      TEMP: temporary,
      TMP: temporary,
      TERM: "xterm-256color",
    };
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolveExit) => child.once("close", resolveExit));
    const started = { process: child, output: () => output, ended };
    runs.push(started);
    return started;
  }

  /** Resolves when the output matches; rejects if the demo exits first. */
  async function waitForOutput(demo: Run, text: RegExp): Promise<void> {
    const exit = { came: false };
    void demo.ended.then(() => (exit.came = true));
    while (!text.test(demo.output())) {
      if (exit.came)
        throw new Error(`The demo exited without showing ${String(text)}:\n${demo.output()}`);
      await new Promise((later) => setTimeout(later, 50));
    }
  }

  it("shows state changes and exits, with --once into a pipe", async () => {
    const demo = run(process.execPath, [DEMO, "--once", "--speed", "120"]);
    const code = await demo.ended;
    const output = demo.output();
    expect(code, output).to.equal(0);
    const changes = output.match(/^\d\d:\d\d:\d\d .* → .*$/gm) ?? [];
    expect(changes.length, output).to.be.at.least(5);
    expect(output).to.contain("--secret-store memory").and.to.contain("WebexPresence.Enable=1");
    expect(output).to.match(/First sweep: 60 people in \d+ requests/);
    expect(output).to.match(/8\. An operator is about to transfer .* still shows .* ago\./);
    expect(output).to.match(
      /9\. The host asked .* After \d\.\d s, the worker answered .* out of date for \d\.\d s\./,
    );
    expect(output).to.match(/^Summary: .* out of date corrected \d\.\d s after the host asked\.$/m);
    expect(output)
      .to.match(/^Try next:$/m)
      .and.to.contain(`node ${join("dist", "demo.mjs")} --once`)
      .and.not.to.contain("npm run");
    expect(output).not.to.match(SECRET_PATTERN);
    expect(output).to.match(/Secrets: none of the \d+ tokens/);
    expect(output, "no escape sequences in a pipe").not.to.contain("\u001b");
    expect(await readdir(temporary), "leaves no files").to.deep.equal([]);
  });

  it("issues no secret that the pattern of this test does not match", () => {
    const simulator = new WebexSimulator({ organizations: [{ name: "Any", persons: 2 }] });
    simulator.issueGrant();
    expect(simulator.issuedSecrets.size).to.be.at.least(3);
    for (const secret of simulator.issuedSecrets) expect(secret).to.match(SECRET_PATTERN);
  });

  it("draws a table in a terminal and restores the terminal on q", async function () {
    skipOnWindows(this, "only Unix gives a program a terminal through script");
    requireTool(this, "script", "bsdutils");
    const inTerminal = `stty cols 100 rows 30; exec '${process.execPath}' '${DEMO}' --speed 120`;
    const demo = run("script", ["-qec", inTerminal, "/dev/null"]);
    await waitForOutput(demo, /\u2588/);
    await waitForOutput(demo, /LATEST CHANGES[^]*\d\d:\d\d:\d\d[^]*→/);
    expect(demo.output()).to.contain("\u001b[?1049h\u001b[?25l");
    expect(demo.output()).to.contain("\u001b[32m● available");
    demo.process.stdin?.write("q");
    expect(await demo.ended).to.equal(0);
    const afterwards = demo.output().slice(demo.output().lastIndexOf("\u001b[?25h\u001b[?1049l"));
    expect(afterwards).to.contain("Summary: 60 people known");
    expect(await readdir(temporary)).to.deep.equal([]);
  });

  it("wraps steps, summary and next steps in a narrow terminal", async function () {
    skipOnWindows(this, "only Unix gives a program a terminal through script");
    requireTool(this, "script", "bsdutils");
    const inTerminal = `stty cols 60 rows 24; exec '${process.execPath}' '${DEMO}' --speed 120`;
    const demo = run("script", ["-qec", inTerminal, "/dev/null"]);
    await waitForOutput(demo, /4\. Authorized/);
    demo.process.stdin?.write("q");
    expect(await demo.ended).to.equal(0);
    const output = demo.output();
    const printed = output.slice(output.lastIndexOf("\u001b[?1049l") + "\u001b[?1049l".length);
    expect(printed)
      .to.contain("1. Started")
      .and.to.contain("Summary:")
      .and.to.contain("--users 2000");
    for (const line of printed.split(/\r?\n/)) expect(line.length, line).to.be.at.most(60);
  });

  it("fails if the worker does not ask Webex at the moment of a decision", async () => {
    const installation = join(temporary, "installation");
    await copyDemo(installation);
    await writeFile(join(installation, "worker.cjs"), WORKER_WITHOUT_MAX_AGE);
    const manifest = JSON.parse(await readFile("plugin.manifest.json", "utf8")) as {
      worker: { args: string[] };
    };
    manifest.worker.args = ["worker.cjs", resolve("dist/worker.cjs")];
    await writeFile(join(installation, "plugin.manifest.json"), JSON.stringify(manifest));
    const demo = run(process.execPath, [join(installation, "dist", "demo.mjs"), "--once"]);
    expect(await demo.ended, demo.output()).to.equal(1);
    expect(demo.output()).to.match(/The demo failed: The worker did not refresh .* confirmed at /);
  });

  it("cleans up when a signal stops it", async function () {
    skipOnWindows(this, NO_SIGNALS);
    const demo = run(process.execPath, [DEMO, "--once", "--speed", "1"]);
    await waitForOutput(demo, /7\. First sweep/);
    demo.process.kill("SIGTERM");
    expect(await demo.ended).to.equal(130);
    expect(await readdir(temporary)).to.deep.equal([]);
  });

  it("reports a missing manifest or a crashing worker, and exits with code 1", async () => {
    const installation = join(temporary, "installation");
    const copy = await copyDemo(installation);
    const withoutManifest = run(process.execPath, [copy, "--once"]);
    expect(await withoutManifest.ended).to.equal(1);
    expect(withoutManifest.output())
      .to.contain("plugin.manifest.json")
      .and.to.contain("npm run build");

    const manifest = JSON.parse(await readFile("plugin.manifest.json", "utf8")) as {
      worker: { args: string[] };
    };
    manifest.worker.args = ["-e", "process.stderr.write('no more\\n'); process.exit(3)", "--"];
    await writeFile(join(installation, "plugin.manifest.json"), JSON.stringify(manifest));
    const withCrashingWorker = run(process.execPath, [copy, "--once"]);
    expect(await withCrashingWorker.ended, withCrashingWorker.output()).to.equal(1);
    expect(withCrashingWorker.output()).to.contain("The worker exited (code 3). no more");
    expect(await readdir(temporary)).to.deep.equal(["installation"]);
  });

  it("rejects unknown options with the usage and exit code 2", async () => {
    for (const invalidArgs of [["--users", "many"], ["--nonsense"]]) {
      const demo = run(process.execPath, [DEMO, ...invalidArgs]);
      expect(await demo.ended).to.equal(2);
      expect(demo.output()).to.contain(`Usage: node ${join("dist", "demo.mjs")} [options]`);
    }
  });
});
