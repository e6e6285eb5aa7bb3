import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { REQUIREMENTS } from "../../src/cli/check-host/requirements.js";
import {
  ADDRESSES,
  check,
  environmentWith,
  HOST_ARGUMENTS,
  startCheck,
  type CheckResult,
} from "../support/check-host-fixture.js";
import { PYTHON, PYTHON_HOST } from "../support/example-host-fixture.js";
import { HOST_FAULTS, type HostFault } from "../support/host-faults-fixture.js";
import { requirePart } from "../support/required-tool-fixture.js";
import { IS_WINDOWS, NO_SIGNALS, skip, skipOnWindows } from "../support/windows-fixture.js";

const CLI = "dist/cli.cjs";
/** They mostly wait. */
const CHECKS_AT_A_TIME = 8;
/** Those that wait for what never comes. They begin, so that nobody waits for them at the end. */
const LONGEST = [
  ...(["restartsNever", "takesCommandsFromItsFolder", "subscribesOnce", "neverKills"] as const),
];

function faultyHost(fault: HostFault): string[] {
  const program = "build/test/support/faulty-host-program.js";
  return [process.execPath, program, fault, "{manifest}", "{settings}", ...ADDRESSES];
}

/** Checks all that is judged in the same scenarios as the requirements of a fault. */
function checkFault(root: string, fault: keyof typeof HOST_FAULTS): Promise<CheckResult> {
  const expected: readonly string[] = HOST_FAULTS[fault];
  const scenarios = REQUIREMENTS.filter(({ id }) => expected.includes(id)).map(
    ({ scenario }) => scenario,
  );
  const ids = REQUIREMENTS.filter(({ scenario }) => scenarios.includes(scenario));
  const options = ["--only", ids.map(({ id }) => id).join(","), "--jobs", "3"];
  return check(root, faultyHost(fault), options);
}

/** The processes whose command line has a folder in it; on Windows none, for want of a program. */
function processesOf(folder: string): string[] {
  if (IS_WINDOWS) return [];
  const { stdout } = spawnSync("pgrep", ["-f", folder], { encoding: "utf8" });
  return stdout.split("\n").filter(Boolean);
}

function failedIds({ requirements }: CheckResult["report"]): string[] {
  return requirements.filter(({ outcome }) => outcome === "failed").map(({ id }) => id);
}

describe("e2e: check-host", function () {
  // What takes longest is a worker that is killed after 5 s, or a host that never ends.
  this.timeout(180_000);

  const faults = Object.keys(HOST_FAULTS) as (keyof typeof HOST_FAULTS)[];
  const results = new Map<string, Promise<CheckResult>>();
  let root = "";

  before(() => {
    root = mkdtempSync(join(tmpdir(), "ucx-checks-"));
    const waiting: (() => Promise<void>)[] = [];
    const add = (name: string, start: () => Promise<CheckResult>): void => {
      const result = new Promise<CheckResult>((resolve, reject) => {
        waiting.push(() => start().then(resolve, reject));
      });
      // Its test reports why.
      result.catch(() => undefined);
      results.set(name, result);
    };
    for (const fault of LONGEST) add(fault, () => checkFault(root, fault));
    add("reference host", () =>
      check(root, [process.execPath, "dist/host.mjs", ...HOST_ARGUMENTS]),
    );
    add("Python", () => check(root, [...PYTHON_HOST, ...HOST_ARGUMENTS]));
    add("printsNothing", () =>
      check(root, faultyHost("printsNothing"), [
        "--only",
        "states,unknown,freshness,subscription,decision",
      ]),
    );
    for (const fault of faults) if (!results.has(fault)) add(fault, () => checkFault(root, fault));
    const runAll = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
    };
    for (let count = 0; count < CHECKS_AT_A_TIME; count += 1) void runAll();
  });

  after(async () => {
    await Promise.allSettled(results.values());
    const left = [...readdirSync(root), ...processesOf(root)];
    rmSync(root, { recursive: true, force: true });
    expect(left).to.deep.equal([]);
  });

  it("passes the example host in Python in everything", async function () {
    const hasLibrary = spawnSync(PYTHON, ["-c", "import pylsp_jsonrpc"]).status === 0;
    requirePart(this, hasLibrary, "pylsp-jsonrpc", "python3-pylsp-jsonrpc");
    const { code, report } = await results.get("Python")!;
    expect(report.requirements.filter(({ outcome }) => outcome !== "passed")).to.deep.equal([]);
    expect(code).to.equal(0);
  });

  it("passes the reference host in everything", async () => {
    const { code, report } = await results.get("reference host")!;
    const others = report.requirements.filter(({ outcome }) => outcome !== "passed");
    expect(others).to.deep.equal([]);
    expect(report.requirements.map(({ id }) => id)).to.deep.equal(REQUIREMENTS.map(({ id }) => id));
    expect(code).to.equal(0);
    expect(report.ok).to.equal(true);
  });

  describe("finds in a host that", () => {
    for (const fault of faults) {
      it(`${fault}: ${HOST_FAULTS[fault].join(", ")}`, async function () {
        const { code, report } = await results.get(fault)!;
        if (fault === "launchesByShell" && IS_WINDOWS) skip(this, "Windows has no sh");
        const observed = JSON.stringify(report.requirements, null, 2);
        expect(failedIds(report), observed).to.deep.equal(HOST_FAULTS[fault]);
        expect(code).to.equal(1);
        expect(report.ok).to.equal(false);
      });
    }
  });

  it("does not judge what a host does not print", async () => {
    const { code, report } = await results.get("printsNothing")!;
    const outcomes = report.requirements.map(({ id, outcome }) => [id, outcome]);
    expect(Object.fromEntries(outcomes)).to.deep.equal({
      subscription: "passed",
      states: "notObserved",
      unknown: "notObserved",
      decision: "passed",
      freshness: "notObserved",
    });
    expect(code).to.equal(0);
  });

  it("ends hosts and workers when it is stopped, and leaves no file", async function () {
    skipOnWindows(this, NO_SIGNALS);
    const folder = mkdtempSync(join(tmpdir(), "ucx-stopped-"));
    const stopped = startCheck(folder, faultyHost("neverKills"), ["--only", "silent-worker"]);
    const deadline = Date.now() + 30_000;
    const eventsOf = (): string[] =>
      readdirSync(folder, { recursive: true })
        .map(String)
        .filter((path) => path.endsWith("events.jsonl"));
    // The host and its worker.
    while (eventsOf().length === 0 || processesOf(folder).length < 2) {
      expect(Date.now()).to.be.lessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    stopped.kill("SIGINT");
    const [code] = (await once(stopped, "close")) as [number | null];
    expect(code).to.equal(1);
    expect(processesOf(folder)).to.deep.equal([]);
    expect(readdirSync(folder)).to.deep.equal([]);
    rmSync(folder, { recursive: true });
  });

  it("survives a host that prints without end, and ends what a host leaves running", async function () {
    skipOnWindows(this, NO_SIGNALS);
    const folder = mkdtempSync(join(tmpdir(), "ucx-odd-hosts-"));
    const endless = 'for (;;) require("fs").writeSync(1, Buffer.alloc(1 << 20, "x"))';
    // The folder's name is an argument of the process that is left.
    const left = `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)`;
    const script = `"$0" -e "$1" "$2" & "$0" -e "$3" & sleep 1`;
    const host = ["sh", "-c", script, process.execPath, left, "{settings}", endless];
    const { code, report } = await check(folder, host, ["--only", "launch"]);
    expect(failedIds(report)).to.deep.equal(["launch"]);
    expect(code).to.equal(1);
    expect(processesOf(folder)).to.deep.equal([]);
    expect(readdirSync(folder)).to.deep.equal([]);
    rmSync(folder, { recursive: true });
  });

  describe("usage", () => {
    let folder = "";
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "ucx-usage-"));
    });
    after(() => rmSync(folder, { recursive: true }));
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, "check-host", ...args], {
        encoding: "utf8",
        env: environmentWith(folder),
      });

    for (const [what, args, message] of [
      ["no command", [], /The command that starts the host is missing/],
      ["an unknown requirement", ["--only", "x", "--", "true"], /There is no requirement "x"/],
      ["no requirement", ["--only", "", "--", "true"], /There is no requirement ""/],
      ["no number of hosts", ["--jobs", "0", "--", "true"], /--jobs is a number from 1 to 16/],
      ["no program", ["--", "no-such-program"], /"no-such-program" could not be started/],
      ["a file in place of a folder", ["--", `${CLI}/host`], /host" could not be started/],
      ["an empty name", ["--", ""], /The command "" could not be started/],
    ] as const) {
      it(`exits 2 for ${what}`, () => {
        const { status, stdout, stderr } = run(...args);
        expect(stderr).to.match(message);
        expect(stdout).to.equal("");
        expect(status).to.equal(2);
        expect(readdirSync(folder)).to.deep.equal([]);
      });
    }

    it("exits 2 if there is no folder for temporary files", () => {
      const { status, stderr } = spawnSync(process.execPath, [CLI, "check-host", "--", "true"], {
        encoding: "utf8",
        env: environmentWith(join(folder, "none")),
      });
      expect(stderr).to.match(/The folder for temporary files, .*none, cannot be used \(ENOENT\)/);
      expect(status).to.equal(2);
    });

    it("lists the requirements", () => {
      const { status, stdout } = run("--list");
      expect(stdout.trimEnd().split("\n")).to.have.length(REQUIREMENTS.length);
      expect(status).to.equal(0);
    });
  });
});
