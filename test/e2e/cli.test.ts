import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { requireTool } from "../support/required-tool-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";
import { CliHarness } from "../support/cli-harness.js";
import { ReadableProduct } from "../support/readable-product-fixture.js";
import { NO_SIGNALS, skipOnWindows } from "../support/windows-fixture.js";

const CLI = "dist/cli.cjs";
const COMMANDS: readonly (readonly string[])[] = [
  [],
  ["worker"],
  ["authorize"],
  ["authorizations"],
  ["revoke"],
  ["import"],
  ["secret"],
  ["secret", "client"],
  ["secret", "proxy"],
  ["doctor"],
  ["status"],
  ["dashboard"],
  ["watch"],
];

describe("e2e: the command line", function () {
  this.timeout(60_000);

  describe("usage", () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", input: "" });

    for (const [what, args] of [
      ["no command", []],
      ["an unknown command", ["nonsense"]],
      ["an unknown option", ["doctor", "--nonsense"]],
      ["a missing argument", ["revoke"]],
      ["an extra argument", ["authorizations", "x"]],
      ["an incomplete command", ["secret"]],
      ["an unknown secret store", ["authorizations", "--secret-store", "file"]],
      ["no settings for watch", ["watch"]],
      ["no settings for the worker", ["worker"]],
      ["an unknown option of the worker", ["worker", "--nonsense"]],
    ] as const) {
      it(`exits 2 for ${what}, with nothing on stdout`, function () {
        if (what.startsWith("no settings"))
          skipOnWindows(this, "on Windows, --settings has a default");
        const { status, stdout, stderr } = run(...args);
        expect(status).to.equal(2);
        expect(stdout).to.equal("");
        expect(stderr).to.not.equal("");
        expect(stderr).to.not.match(/\n\s+at /);
      });
    }

    for (const args of COMMANDS) {
      it(`${args.join(" ")} --help prints the usage and exits 0`, () => {
        const { status, stdout, stderr } = run(...args, "--help");
        expect(status).to.equal(0);
        expect(stdout).to.match(/^usage: ucx-webex-presence/i);
        expect(stderr).to.equal("");
      });
    }

    it("wraps the usage between words in a terminal of 60 columns", function () {
      skipOnWindows(this, "only Unix gives a program a terminal through script");
      requireTool(this, "script", "bsdutils");
      for (const command of COMMANDS) {
        const args = [...command, "--help"].join(" ");
        const inTerminal = `stty cols 60; exec '${process.execPath}' ${CLI} ${args}`;
        const { stdout } = spawnSync("script", ["-qec", inTerminal, "/dev/null"], {
          encoding: "utf8",
          input: "",
        });
        const lines = stdout.split("\r\n");
        expect(stdout, args).to.match(/^usage: ucx-webex-presence/i);
        expect(lines.filter((line) => line.length > 60)).to.deep.equal([]);
      }
    });

    it("does not repeat the value of an unknown option", () => {
      const { status, stderr } = run("secret", "client", "--client-secret=hush-hush");
      expect(status).to.equal(2);
      expect(stderr).to.not.include("hush-hush");
    });
  });

  it("worker runs the worker", async () => {
    const harness = await CliHarness.start(process.env);
    const worker = harness.launch(
      ["worker", "--secret-store", "memory", "--log-dir", join(harness.folder, "log")],
      frame("worker/status"),
    );
    const { code, stdout } = await worker.ended();
    await harness.stop();
    expect(code).to.equal(0);
    expect(stdout).to.match(/"id":1,"result":\{"phase":"starting"/);
  });

  describe("status", () => {
    let harness: WorkerHarness;

    beforeEach(async () => {
      harness = await WorkerHarness.start({ enable: 1 });
    });

    afterEach(async () => {
      await harness.stop();
    });

    const status = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, "status", "--log-dir", harness.logDirectory, ...args], {
        encoding: "utf8",
      });

    it("shows the running worker as a table and as JSON", async () => {
      await harness.authorize();
      await harness.waitForPhase("polling");
      await harness.waitFor(
        "people in the status file",
        () => (status("--json").stdout.includes('"persons": 30') ? true : null),
        5_000,
      );
      const shown = status();
      expect(shown.status, shown.stderr).to.equal(0);
      expect(shown.stdout)
        .to.match(/Phase +polling/)
        .and.to.match(/Example Ltd +30/);
      const value = JSON.parse(status("--json").stdout) as Record<string, unknown>;
      expect(value).to.include({
        ok: true,
        running: true,
        phase: "polling",
        pid: harness.host.pid,
      });
    });

    it("exits 1 while the worker is blocked, with a hint", async () => {
      await harness.waitForPhase("blocked");
      const shown = await harness.waitFor("the file", () =>
        status().stdout.includes("blocked") ? status() : null,
      );
      expect(shown.status).to.equal(1);
      expect(shown.stdout).to.include("error clientNotConfigured").and.to.include("secret client");
    });

    it("reports that no worker is running if its process has exited, or its file is old or missing", async () => {
      await harness.waitForPhase("blocked");
      await harness.waitFor("the file", () => (status().stdout.includes("blocked") ? true : null));
      const file = join(harness.logDirectory, "status.json");
      const hourAgo = new Date(Date.now() - 3_600_000);
      await utimes(file, hourAgo, hourAgo);
      const old = status("--json");
      expect(old.status).to.equal(1);
      expect(JSON.parse(old.stdout)).to.include({ ok: false, running: false, file });

      const gone = harness.host.exited();
      harness.host.kill();
      await gone;
      const dead = status();
      expect(dead.status).to.equal(1);
      expect(dead.stderr).to.include("not running");

      // What a file claims does not count.
      const content = JSON.parse(await readFile(file, "utf8")) as object;
      const claims = { ok: true, running: true, why: "It runs.", file: "x", ageSeconds: -1 };
      await writeFile(file, JSON.stringify({ ...content, ...claims }));
      const claimed = JSON.parse(status("--json").stdout) as typeof claims;
      expect(claimed).to.include({ ok: false, running: false, file });
      expect(claimed.why).to.include("not running");
      expect(claimed.ageSeconds).to.be.within(0, 60);

      await mkdir(join(harness.folder, "empty"));
      const none = spawnSync(
        process.execPath,
        [CLI, "status", "--json", "--log-dir", join(harness.folder, "empty")],
        {
          encoding: "utf8",
        },
      );
      expect(none.status).to.equal(1);
      expect(JSON.parse(none.stdout)).to.include({ running: false });
      await writeFile(join(harness.folder, "empty", "status.json"), "{");
      expect(status("--log-dir", join(harness.folder, "empty")).status).to.equal(1);
    });
  });

  it("status says that the files of a worker are closed to another account", async function () {
    skipOnWindows(this, "on Windows, only a second account could show that");
    const folder = await mkdtemp(join(tmpdir(), "ucx-denied-"));
    const product = await ReadableProduct.create();
    try {
      // Root can read everything, so that it asks as somebody else.
      const isRoot = process.getuid?.() === 0;
      await chmod(folder, isRoot ? 0o700 : 0o000);
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(product.folder, "dist", "cli.cjs"), "status", "--json", "--log-dir", folder],
        { encoding: "utf8", ...(isRoot && { uid: 65_534, gid: 65_534 }) },
      );
      expect(status, stderr).to.equal(1);
      expect(JSON.parse(stdout)).to.deep.include({
        ok: false,
        why: `It is unknown whether a worker is running: ${join(folder, "status.json")} is closed to account ${isRoot ? "nobody" : userInfo().username} (EACCES).`,
      });
    } finally {
      await chmod(folder, 0o700);
      await rm(folder, { recursive: true });
      await product.remove();
    }
  });

  describe("watch", () => {
    let harness: CliHarness;

    beforeEach(async () => {
      harness = await CliHarness.start(process.env);
      await harness.writeSettings("WebexPresence.Authorize=off");
    });

    afterEach(async () => {
      await harness.stop();
    });

    it("prints why there is no presence, in lines, and exits with 0 at Ctrl+C", async function () {
      skipOnWindows(this, NO_SIGNALS);
      const watching = harness.launch(["watch", "--secret-store", "memory", "a@example.com"]);
      await watching.waitForOutput(/blocked: action is required/);
      await watching.waitForOutput(/error: .*secret client/);
      const { code, stdout, stderr } = await watching.stop("SIGINT");
      expect(code, stderr).to.equal(0);
      expect(stdout).to.not.include("\u001b");
      expect(
        stdout
          .trimEnd()
          .split("\n")
          .every((line) => /^\d\d:\d\d:\d\d {2}/.test(line)),
        stdout,
      ).to.equal(true);
    });

    it("--json exits at the first Ctrl+C, even if the worker does not respond", async function () {
      skipOnWindows(this, NO_SIGNALS);
      requireTool(this, "pgrep", "procps");
      await rm(harness.settingsPath);
      const watching = harness.launch(["watch", "--json", "--secret-store", "memory"], null);
      const worker = await findWorker(watching.pid);
      process.kill(worker, "SIGSTOP");
      const { code, stdout } = await watching.stop("SIGINT");
      expect(code).to.equal(1);
      expect(JSON.parse(stdout)).to.nested.include({ ok: false, "error.code": "cancelled" });
    });

    it("--json prints presence once", async () => {
      const { code, value } = await harness.json([
        "watch",
        "--secret-store",
        "memory",
        "a@example.com",
      ]);
      expect(code).to.equal(1);
      expect(value).to.include({ ok: false, phase: "blocked" });
      expect(value.records[0]).to.include({
        uri: "a@example.com",
        state: "unknown",
        reason: "blocked",
      });
    });
  });

  it("exits without an error message when nobody reads its output", async () => {
    const help = spawn(process.execPath, [CLI, "status"], { stdio: ["ignore", "pipe", "pipe"] });
    help.stdout.destroy();
    help.stderr.destroy();
    const [code] = (await once(help, "exit")) as [number];
    expect(code).to.equal(1);
  });
});

/** Waits until the child runs the worker: stopped earlier, it would block its parent's spawn. */
async function findWorker(pid: number): Promise<number> {
  for (;;) {
    const args = ["-P", String(pid), "-f", "worker\\.cjs"];
    const { stdout } = spawnSync("pgrep", args, { encoding: "utf8" });
    if (stdout !== "") return Number(stdout);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function frame(method: string): string {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method });
  return `Content-Length: ${body.length}\r\n\r\n${body}`;
}
