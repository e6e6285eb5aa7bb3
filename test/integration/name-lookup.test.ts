import { execFileSync } from "node:child_process";
import { getDefaultResultOrder, lookup, setDefaultResultOrder, type LookupOptions } from "node:dns";
import type { LookupFunction } from "node:net";

import { expect } from "chai";

import { NameLookup } from "../../src/platform/name-lookup.js";
import { waitUntil } from "../support/clock-fake.js";
import { listeningPorts } from "../support/proc-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";

/** DNS does not allow a label of more than 63 characters, so nobody is asked. */
const IMPOSSIBLE_NAME = `${"x".repeat(64)}.example`;

/** What a lookup calls back with. */
function answerOf(
  look: LookupFunction,
  name = "localhost",
  options: LookupOptions = {},
): Promise<unknown> {
  return new Promise((resolve) => {
    look(name, options, (error, address, family) => {
      resolve(error === null ? { address, family } : { ...error, message: error.message });
    });
  });
}

describe("NameLookup", function () {
  this.timeout(20_000);

  before(function () {
    requireTool(this, "pgrep", "procps");
  });

  /** The ids of the processes that this one has started to resolve names. */
  const childPids = (): string[] => {
    try {
      const found = execFileSync("pgrep", ["-P", String(process.pid), "-f", "dns"], {
        encoding: "utf8",
      });
      return found.trim().split("\n");
    } catch {
      return [];
    }
  };

  // Another test's process may be idle, still.
  beforeEach(() => waitUntil(() => childPids().length === 0, 8_000));

  it("answers as dns.lookup does", async () => {
    const names = new NameLookup(process.env, 50);
    const options = [{}, { all: true }, { family: 4 }, { family: 4, all: true }, { hints: 0 }];
    for (const each of options) {
      const expected = await answerOf(lookup, "localhost", each);
      expect(await answerOf(names.lookup, "localhost", each)).to.deep.equal(expected);
    }
    const failure = await answerOf(lookup, IMPOSSIBLE_NAME);
    expect(failure)
      .to.have.property("code")
      .that.matches(/^(ENOTFOUND|EAI_)/);
    expect(await answerOf(names.lookup, IMPOSSIBLE_NAME)).to.deep.equal(failure);
  });

  it("resolves all names in one process, which ends when it is idle", async () => {
    const names = new NameLookup(process.env, 50);
    await Promise.all(Array.from({ length: 20 }, () => answerOf(names.lookup)));
    expect(childPids()).to.have.length(1);
    await waitUntil(() => childPids().length === 0);
    expect(await answerOf(names.lookup)).to.have.property("address");
    await waitUntil(() => childPids().length === 0);
  });

  it("answers those who wait if the process is killed, and starts another one", async () => {
    const names = new NameLookup(process.env, 200);
    await answerOf(names.lookup);
    const [pid] = childPids();
    process.kill(Number(pid), "SIGSTOP");
    const waiting = answerOf(names.lookup);
    process.kill(Number(pid), "SIGKILL");
    expect(await waiting).to.have.property("address");
    expect(await answerOf(names.lookup)).to.have.property("address");
    expect(childPids()).to.have.length(1).and.not.to.include(pid);
    await waitUntil(() => childPids().length === 0);
  });

  it("keeps its process, and without a debugger, when signals come to the process group", async () => {
    const names = new NameLookup(process.env, 2_000);
    await answerOf(names.lookup);
    const before = childPids();
    const [pid] = before;
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"])
      process.kill(Number(pid), signal);
    // Longer than a debugger takes to open its port.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(listeningPorts(Number(pid))).to.deep.equal([]);
    expect(await answerOf(names.lookup)).to.have.property("address");
    expect(childPids()).to.deep.equal(before);
    await waitUntil(() => childPids().length === 0);
  });

  it("orders addresses as this process does", async () => {
    const known = getDefaultResultOrder();
    const names = new NameLookup(process.env, 50);
    try {
      for (const order of ["ipv4first", "ipv6first"] as const) {
        setDefaultResultOrder(order);
        const expected = await answerOf(lookup, "localhost", { all: true });
        expect(await answerOf(names.lookup, "localhost", { all: true })).to.deep.equal(expected);
      }
    } finally {
      setDefaultResultOrder(known);
    }
  });

  it("resolves names in its own process where none can be started", async () => {
    const { execPath } = process;
    process.execPath = "/nonexistent/node";
    try {
      const names = new NameLookup(process.env, 50);
      expect(await answerOf(names.lookup)).to.have.property("address");
      expect(await answerOf(names.lookup)).to.have.property("address");
    } finally {
      process.execPath = execPath;
    }
  });
});
