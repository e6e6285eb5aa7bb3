import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { REQUIREMENTS } from "../../src/cli/check-host/requirements.js";
import { HOST_FAULTS, type HostFault } from "../support/host-faults-fixture.js";
import { NO_SIGNALS, skip, IS_WINDOWS, skipOnWindows } from "../support/windows-fixture.js";

const CLI = "dist/cli.cjs";
const REFERENCE_HOST = ["dist/host.mjs", "--manifest", "{manifest}", "--settings", "{settings}"];
const ADDRESSES = ["ada@northwind.example", "bo@northwind.example"];
/** Hosts with a fault that run at a time. */
const CHECKS_AT_A_TIME = 4;

interface Report {
  readonly ok: boolean;
  readonly requirements: readonly {
    readonly id: string;
    readonly outcome: "passed" | "failed" | "notObserved";
    readonly observed: string;
  }[];
}

interface CheckResult {
  readonly code: number | null;
  readonly report: Report;
}

/** The temporary folders of the checks of this file. */
const folder = mkdtempSync(join(tmpdir(), "ucx-check-"));
const env = { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder };

function startCheck(
  host: readonly string[],
  options: readonly string[] = [],
): ChildProcessWithoutNullStreams {
  const args = [CLI, "check-host", "--json", ...options, "--", process.execPath, ...host];
  return spawn(process.execPath, args, { env });
}

async function check(host: readonly string[], options?: readonly string[]): Promise<CheckResult> {
  const run = startCheck(host, options);
  let output = "";
  run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  run.stderr.resume();
  const [code] = (await once(run, "close")) as [number | null];
  return { code, report: JSON.parse(output) as Report };
}

function faultyHost(fault: HostFault): string[] {
  const program = "build/test/support/faulty-host-program.js";
  return [program, fault, "{manifest}", "{settings}", ...ADDRESSES];
}

/** Checks all that is judged in the same scenarios as the requirements of a fault. */
function checkFault(fault: keyof typeof HOST_FAULTS): Promise<CheckResult> {
  const expected: readonly string[] = HOST_FAULTS[fault];
  const scenarios = REQUIREMENTS.filter(({ id }) => expected.includes(id)).map(
    ({ scenario }) => scenario,
  );
  const ids = REQUIREMENTS.filter(({ scenario }) => scenarios.includes(scenario));
  return check(faultyHost(fault), ["--only", ids.map(({ id }) => id).join(","), "--jobs", "3"]);
}

function failedIds({ requirements }: Report): string[] {
  return requirements.filter(({ outcome }) => outcome === "failed").map(({ id }) => id);
}

describe("e2e: check-host", function () {
  // What takes longest is a worker that is killed after 5 s, or a host that never ends.
  this.timeout(180_000);

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("passes the reference host in everything", async () => {
    const { code, report } = await check([...REFERENCE_HOST, ...ADDRESSES]);
    const others = report.requirements.filter(({ outcome }) => outcome !== "passed");
    expect(others).to.deep.equal([]);
    expect(report.requirements.map(({ id }) => id)).to.deep.equal(REQUIREMENTS.map(({ id }) => id));
    expect(code).to.equal(0);
    expect(report.ok).to.equal(true);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  describe("finds in a host that", () => {
    const faults = Object.keys(HOST_FAULTS) as (keyof typeof HOST_FAULTS)[];
    const results = new Map<string, Promise<CheckResult>>();

    before(() => {
      const running: Promise<unknown>[] = [];
      for (const [index, fault] of faults.entries()) {
        const turn = running[index - CHECKS_AT_A_TIME] ?? Promise.resolve();
        const result = turn.then(() => checkFault(fault));
        result.catch(() => "is reported by its test");
        results.set(fault, result);
        running.push(result.catch(() => undefined));
      }
    });

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
    const only = ["--only", "states,unknown,freshness,subscription,decision"];
    const { code, report } = await check(faultyHost("printsNothing"), only);
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
    const stopped = startCheck(faultyHost("neverKills"), ["--only", "silent-worker"]);
    const deadline = Date.now() + 30_000;
    const eventsOf = (): string[] =>
      readdirSync(folder, { recursive: true })
        .map(String)
        .filter((path) => /events\.jsonl$/.test(path));
    const pids = (): number[] => {
      const { stdout } = spawnSync("pgrep", ["-f", folder], { encoding: "utf8" });
      return stdout.split("\n").filter(Boolean).map(Number);
    };
    // The host and its worker.
    while (eventsOf().length === 0 || pids().length < 2) {
      expect(Date.now()).to.be.lessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    stopped.kill("SIGINT");
    const [code] = (await once(stopped, "close")) as [number | null];
    expect(code).to.equal(1);
    expect(pids()).to.deep.equal([]);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  describe("usage", () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, "check-host", ...args], { encoding: "utf8", env });

    for (const [what, args, message] of [
      ["no command", [], /The command that starts the host is missing/],
      ["an unknown requirement", ["--only", "x", "--", "true"], /There is no requirement "x"/],
      ["no number of hosts", ["--jobs", "0", "--", "true"], /--jobs is a number from 1 to 16/],
      ["no program", ["--", "no-such-program"], /"no-such-program" could not be started/],
    ] as const) {
      it(`exits 2 for ${what}`, () => {
        const { status, stdout, stderr } = run(...args);
        expect(stderr).to.match(message);
        expect(stdout).to.equal("");
        expect(status).to.equal(2);
        expect(readdirSync(folder)).to.deep.equal([]);
      });
    }

    it("lists the requirements", () => {
      const { status, stdout } = run("--list");
      expect(stdout.trimEnd().split("\n")).to.have.length(REQUIREMENTS.length);
      expect(status).to.equal(0);
    });
  });
});
