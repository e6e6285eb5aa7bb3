import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, readlink, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { expect } from "chai";

import type { Problem } from "../../src/supervisor/status.js";
import { CliHarness, STOPPED, type CliRun } from "../support/cli-harness.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { skipOnWindows } from "../support/windows-fixture.js";
import { statusFixture } from "../support/status-fixture.js";

// eslint-disable-next-line no-control-regex -- styles
const STYLE = /\u001b\[[\d;]+m/;

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(20);
    }
  }
}

describe("e2e: the command line: terminals and pipes", function () {
  this.timeout(30_000);
  let harness: CliHarness;
  let statusFile: string;
  let folder: string;

  beforeEach(async () => {
    harness = await CliHarness.start(process.env);
    folder = join(harness.folder, "log");
    statusFile = join(folder, "status.json");
    await mkdir(folder);
  });

  afterEach(() => harness.stop());

  /** Writes what a worker would, whose process is this one. */
  const writeStatus = (changes: Parameters<typeof statusFixture>[0] = {}) =>
    writeFile(
      statusFile,
      JSON.stringify(
        statusFixture({
          pid: process.pid,
          settings: { path: harness.settingsPath, loadedAt: null, values: {} },
          ...changes,
        }),
      ),
    );
  const problem: Problem = {
    code: "webexUnreachable",
    severity: "error",
    since: "2026-11-22T09:00:00Z",
    message: "Webex cannot be reached.",
    hint: "Check the proxy.",
    orgId: null,
  };
  const status = (...args: readonly string[]) => ["status", "--log-dir", folder, ...args];

  describe("colors and the length of lines", () => {
    beforeEach(() => writeStatus({ problems: [problem] }));

    const piped = async (variables: NodeJS.ProcessEnv, args = status()) =>
      (await harness.launch(args, "", variables).ended()).stdout;

    it("colors a pipe for FORCE_COLOR alone, and never JSON", async () => {
      expect(await piped({})).to.not.match(STYLE);
      expect(await piped({ FORCE_COLOR: "1", NO_COLOR: "1" })).to.match(STYLE);
      expect(await piped({ FORCE_COLOR: "3" }, status("--json"))).to.not.match(STYLE);
    });

    it("breaks the lines of a pipe at COLUMNS, those of --help, too", async () => {
      const longest = (text: string) => Math.max(...text.split("\n").map(({ length }) => length));
      expect(longest(await piped({ COLUMNS: "60" }, ["doctor", "--help"]))).to.be.within(40, 60);
      expect(longest(await piped({}, ["worker", "--help"]))).to.be.within(40, 80);
      const [narrow, wide] = [await piped({ COLUMNS: "60" }), await piped({})];
      expect(narrow).to.match(/^Example Ltd\n {2}People/m);
      expect(wide).to.match(/^Example Ltd +30/m);
    });

    it("obeys the variables in a terminal", async function () {
      skipOnWindows(this, "only Unix gives a program a terminal through script");
      requireTool(this, "script", "bsdutils");
      const shown = async (variables: NodeJS.ProcessEnv, columns = 120) => {
        const run = harness.launchInTerminal(status(), { columns, rows: 24 }, variables);
        return (await run.ended()).stdout;
      };
      expect(await shown({}))
        .to.match(STYLE)
        .and.to.match(/Example Ltd +30/);
      expect(await shown({ NO_COLOR: "" })).to.match(STYLE);
      expect(await shown({ NO_COLOR: "1" })).to.not.match(STYLE);
      expect(await shown({ FORCE_COLOR: "0" })).to.not.match(STYLE);
      const both = await shown({ NO_COLOR: "1", FORCE_COLOR: "2", TERM: "dumb", COLUMNS: "60" });
      expect(both)
        .to.match(STYLE)
        .and.to.match(/Example Ltd.*\r\n {2}People/);
      expect(both).to.not.include("Warning");
    });
  });

  describe("status --watch", () => {
    it("prints a line in a pipe when something changes, but not for statistics", async () => {
      await writeStatus({ phase: "starting" });
      const run = harness.launch(status("--watch"), "");
      await run.waitForOutput(/Phase: starting/);
      await writeStatus({ problems: [problem] });
      await run.waitForOutput(
        /error webexUnreachable: Webex cannot be reached\. → Check the proxy/,
      );
      await writeStatus({ problems: [problem], organizations: [] });
      await writeStatus();
      await run.waitForOutput(/ended: error webexUnreachable/);
      await utimes(statusFile, new Date(0), new Date(0));
      await run.waitForOutput(/Error: The worker .* is not running/);
      const { code, stdout } = await run.stop("SIGINT");
      expect(code).to.equal(STOPPED);
      const lines = stdout.trimEnd().split("\n");
      expect(lines).to.have.length(5);
      for (const line of lines) expect(line).to.match(/^\d\d:\d\d:\d\d {2}\S/);
    });

    it("--json prints an object per change of the file, each in a line", async () => {
      const run = harness.launch(status("--watch", "--json"), "");
      await run.waitForOutput(/"running":false.*no status\.json/);
      await writeStatus();
      await run.waitForOutput(/"running":true/);
      await writeStatus({ problems: [problem] });
      await run.waitForOutput(/webexUnreachable/);
      const { stdout } = await run.stop("SIGTERM");
      const objects = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as object);
      expect(objects).to.have.length(3);
      const { stdout: once } = await harness.run(status("--json"));
      expect(Object.keys(objects[2]!)).to.have.members(Object.keys(JSON.parse(once) as object));
    });

    it("redraws a terminal, scrolls, and restores it at q", async function () {
      skipOnWindows(this, "only Unix gives a program a terminal through script");
      requireTool(this, "script", "bsdutils");
      const run = harness.launchInTerminal(status("--watch"), { columns: 60, rows: 15 });
      await run.waitForOutput(/there is no status\.json/);
      await writeStatus({ problems: [problem, { ...problem, code: "rateLimited" }] });
      await run.waitForOutput(/1–14 of \d+ lines.*scroll.*q quit/);
      run.type("\u001b[F");
      await run.waitForOutput(/rateLimited/);
      await writeStatus({ phase: "stopping" });
      run.type("\u001b[H");
      await run.waitForOutput(/stopping/);
      run.type("q");
      const { code, stdout } = await run.ended();
      expect(code).to.equal(0);
      expect(stdout.endsWith("\u001b[?25h\u001b[?1049l")).to.equal(true);
      // Nothing but the screen.
      expect(stdout.startsWith("\u001b[?1049h")).to.equal(true);
    });
  });

  describe("ends", () => {
    const SIZE = { columns: 80, rows: 20 };

    beforeEach(function () {
      skipOnWindows(this, "only Unix gives a program a terminal through script");
      requireTool(this, "script", "bsdutils");
    });

    /** The command that runs in a terminal. */
    const commandIn = (run: CliRun): Promise<number> =>
      eventually(async () => {
        const tasks = `/proc/${run.pid}/task/${run.pid}/children`;
        const [pid = ""] = (await readFile(tasks, "utf8")).split(" ");
        expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).to.include("cli.cjs");
        return Number(pid);
      });

    it("in order if its terminal is closed", async () => {
      const statusFile = join(harness.folder, "exit-status");
      const temporary = join(harness.folder, "tmp");
      await mkdir(temporary);
      for (const args of [status("--watch"), ["watch", "ada@example.com"]]) {
        const terminal = { ...SIZE, statusFile };
        const run = harness.launchInTerminal(args, terminal, { TMPDIR: temporary });
        await run.waitForOutput(/q quit/);
        void run.stop("SIGKILL");
        // SIGHUP: Node.js itself would abort.
        await eventually(async () => expect(await readFile(statusFile, "utf8")).to.equal("129\n"));
        expect(await readdir(temporary)).to.deep.equal([]);
        await rm(statusFile);
      }
    });

    it("without a stack if nobody reads its output, and with 1 if that cannot be written", async () => {
      const launch = async (command: string) => {
        const shell = `set -o pipefail; '${process.execPath}' dist/cli.cjs ${command}`;
        const run = promisify(execFile)("bash", ["-c", shell], { env: harness.env });
        return run.then(
          ({ stderr }) => ({ code: 0, stderr }),
          (error: unknown) => {
            const { code, stderr } = error as { code: number; stderr: string };
            return { code, stderr };
          },
        );
      };
      expect(await launch("doctor --help | true")).to.deep.equal({ code: 0, stderr: "" });
      const full = await launch("check-host --list > /dev/full");
      expect(full.stderr).to.equal("Error: The output could not be written (ENOSPC).\n");
      expect(full.code).to.equal(1);
    });

    it("without leaving files if it is stopped twice", async () => {
      const run = harness.launch(["watch"], null, { TMPDIR: harness.folder });
      await run.waitForOutput(/reading its settings/);
      void run.stop("SIGINT");
      await delay(20);
      expect((await run.stop("SIGINT")).code).to.equal(0);
      const files = await readdir(harness.folder);
      expect(files.filter((name) => name.startsWith("ucx-"))).to.deep.equal([]);
    });

    it("reads keys, and shows everything, after a shell has stopped it for a while", async () => {
      const run = harness.launchInTerminal(status("--watch"), SIZE);
      await run.waitForOutput(/q quit/);
      const pid = await commandIn(run);
      // What a shell does while the process is stopped. `script` would stop with it.
      await promisify(execFile)("stty", ["-F", await readlink(`/proc/${pid}/fd/0`), "sane"]);
      process.kill(pid, "SIGCONT");
      // eslint-disable-next-line no-control-regex -- opens the screen
      await run.waitForOutput(/q quit[^]*\u001b\[\?1049h[^]*q quit/);
      run.type("q");
      expect((await run.ended()).code).to.equal(0);
    });
  });
});
