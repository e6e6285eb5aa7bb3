import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import type { Problem } from "../../src/supervisor/status.js";
import { CliHarness, STOPPED } from "../support/cli-harness.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { skipOnWindows } from "../support/windows-fixture.js";
import { statusFixture } from "../support/status-fixture.js";

// eslint-disable-next-line no-control-regex -- styles
const STYLE = /\u001b\[[\d;]+m/;

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
});
