import { getEventListeners } from "node:events";

import { expect } from "chai";

import { runSideBySide, type CheckProgress } from "../../../src/cli/check-runner.js";
import { ok, skipped, type Check, type CheckResult } from "../../../src/cli/doctor-finding.js";
import { limitRequests } from "../../../src/cli/request-limit.js";
import { Fault } from "../../../src/faults/fault.js";
import type { Http, HttpRequest, HttpResponse } from "../../../src/ports/http.js";

const { signal: never } = new AbortController();
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A check that ends when the test says so. */
class ControlledCheck implements Check {
  isRunning = false;
  end: (result?: CheckResult | Error) => void = () => undefined;

  constructor(
    readonly name: string,
    readonly after: readonly string[] = [],
  ) {}

  readonly run = (): Promise<CheckResult> => {
    this.isRunning = true;
    return new Promise((resolve, reject) => {
      this.end = (result = ok(this.name)) => {
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
    });
  };
}

describe("cli/doctor: checks side by side", () => {
  it("starts what depends on nothing at once, and the others when all that they name has ended", async () => {
    const [a, b, c] = [
      new ControlledCheck("a"),
      new ControlledCheck("a"),
      new ControlledCheck("c", ["a"]),
    ];
    const running = runSideBySide([a, b, c], never);
    await turns();
    expect([a.isRunning, b.isRunning, c.isRunning]).to.deep.equal([true, true, false]);
    b.end();
    await turns();
    expect(c.isRunning, "another check of the name still runs").to.equal(false);
    a.end();
    await turns();
    expect(c.isRunning).to.equal(true);
    c.end();
    expect((await running).map(({ name }) => name)).to.deep.equal(["a", "a", "c"]);
  });

  it("reports findings in the order of the list, each as soon as those before it are reported", async () => {
    const [a, b, c] = [
      new ControlledCheck("a"),
      new ControlledCheck("b"),
      new ControlledCheck("c"),
    ];
    const reported: string[] = [];
    const running = runSideBySide([a, b, c], never, {
      onFindings: (findings) => reported.push(...findings.map(({ message }) => message)),
    });
    await turns();
    b.end([ok("b 1"), ok("b 2")]);
    await turns();
    expect(reported).to.deep.equal([]);
    a.end();
    await turns();
    expect(reported).to.deep.equal(["a", "b 1", "b 2"]);
    c.end();
    expect((await running).map(({ message }) => message)).to.deep.equal([...reported]);
    expect(reported.at(-1)).to.equal("c");
  });

  it("tells once per turn which checks run, and nothing after the end", async () => {
    const [a, b] = [new ControlledCheck("a"), new ControlledCheck("b")];
    const progress: CheckProgress[] = [];
    const running = runSideBySide([a, b], never, { onProgress: (each) => progress.push(each) });
    await turns();
    await turns();
    expect(progress).to.deep.equal([{ running: ["a", "b"], done: 0, total: 2 }]);
    b.end();
    await turns();
    await turns();
    expect(progress.at(-1)).to.deep.equal({ running: ["a"], done: 1, total: 2 });
    const count = progress.length;
    a.end();
    await running;
    await turns();
    expect(progress).to.have.length(count);
  });

  it("names what runs in the order of the list, whatever started first", async () => {
    const [a, b, c] = [
      new ControlledCheck("a"),
      new ControlledCheck("b", ["a"]),
      new ControlledCheck("c"),
    ];
    const progress: CheckProgress[] = [];
    const running = runSideBySide([a, b, c], never, {
      onProgress: (each) => progress.push(each),
    });
    await turns();
    a.end();
    await turns();
    await turns();
    expect(progress.at(-1)).to.deep.equal({ running: ["b", "c"], done: 1, total: 3 });
    b.end();
    c.end();
    await running;
  });

  it("hands a check the findings of those that it names, and goes on after one that throws", async () => {
    const checks: Check[] = [
      {
        name: "a",
        run: () => {
          throw new Fault("keychainLocked", "It is locked.", { hint: "Unlock it." });
        },
      },
      { name: "b", run: () => ok("b") },
      {
        name: "c",
        after: ["a"],
        run: (earlier) => skipped(earlier.map(({ name, state }) => `${name} ${state}`).join()),
      },
    ];
    const findings = await runSideBySide(checks, never);
    expect(findings[0]).to.deep.include({
      ...{ name: "a", state: "failed", code: "keychainLocked" },
      ...{ message: "It is locked.", hint: "Unlock it." },
    });
    expect(findings[2]?.message).to.equal("a failed");
  });

  it("is cancelled at once, also while a check hangs, and reports nothing after that", async () => {
    const abort = new AbortController();
    const [hanging, next] = [new ControlledCheck("a"), new ControlledCheck("b", ["a"])];
    const reported: string[] = [];
    const running = runSideBySide([hanging, next], abort.signal, {
      onFindings: (findings) => reported.push(...findings.map(({ name }) => name)),
    });
    await turns();
    abort.abort();
    const error: unknown = await running.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(Fault).and.to.include({ code: "cancelled" });
    hanging.end();
    await turns();
    expect(next.isRunning).to.equal(false);
    expect(reported).to.deep.equal([]);
    expect(getEventListeners(abort.signal, "abort")).to.deep.equal([]);
  });

  it("runs nothing if it was cancelled before, and says so at once", async () => {
    const check = new ControlledCheck("a");
    const error: unknown = await runSideBySide([check], AbortSignal.abort()).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(Fault).and.to.include({ code: "cancelled" });
    await turns();
    expect(check.isRunning).to.equal(false);
    const { signal } = new AbortController();
    await runSideBySide([{ name: "b", run: () => ok("b") }], signal);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });

  it("sends no more requests at a time than allowed, in their order", async () => {
    const sent: { url: string; end: () => void }[] = [];
    const http: Http = {
      send: ({ url }) =>
        new Promise<HttpResponse>((_resolve, reject) =>
          sent.push({ url, end: () => reject(new Fault("webexUnreachable", url)) }),
        ),
      close: () => undefined,
    };
    const limited = limitRequests(http, 2);
    const answers = ["1", "2", "3", "4"].map((url) =>
      limited.send({ url } as HttpRequest).catch((error: unknown) => (error as Fault).message),
    );
    await turns();
    expect(sent.map(({ url }) => url)).to.deep.equal(["1", "2"]);
    sent[1]?.end();
    await turns();
    expect(sent.map(({ url }) => url)).to.deep.equal(["1", "2", "3"]);
    for (const index of [0, 2]) sent[index]?.end();
    await turns();
    sent[3]?.end();
    expect(await Promise.all(answers)).to.deep.equal(["1", "2", "3", "4"]);
  });
});
