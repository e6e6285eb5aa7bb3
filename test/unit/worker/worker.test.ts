import { expect } from "chai";
import sinon from "sinon";

import { Fault } from "../../../src/faults/fault.js";
import { readIniLine } from "../../../src/platform/ini-line.js";
import { MemoryStore } from "../../../src/platform/secret-store.js";
import { Worker } from "../../../src/worker/worker.js";
import { FakeChannel } from "../../support/channel-fake.js";
import { FakeClock, SeededRandom } from "../../support/clock-fake.js";
import { FakeSettingsFile } from "../../support/settings-file-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

const nothing = (): void => undefined;

function createHarness(
  options: { closeLog?: () => Promise<void>; writeStatus?: () => Promise<void> } = {},
) {
  const clock = new FakeClock();
  const channel = new FakeChannel();
  const gone: (() => void)[] = [];
  const store = new MemoryStore();
  const file = new FakeSettingsFile(
    "/Presence.ini",
    "WebexPresence.Enable=1\nWebexPresence.Authorize=off\n",
  );
  const log = Object.assign(new RecordingLogger(), {
    setLevel: sinon.spy(),
    close: options.closeLog ?? (() => Promise.resolve()),
  });
  const worker = new Worker(
    {
      clock,
      random: new SeededRandom(),
      crypto: new SeededRandom(),
      log,
      process: {
        pid: 1,
        account: "svc",
        platform: "linux",
        onExit: (_pid, listener) => {
          gone.push(listener);
          return nothing;
        },
      },
      channel,
      settingsFile: file,
      readIniLine,
      readCertificates: () =>
        Promise.resolve({
          ok: false,
          reason: "names a file that is not there",
          hint: "Name another.",
        }),
      secretStore: store,
      http: () => ({
        send: () => Promise.reject(new Fault("webexUnreachable", "No network.")),
        close: nothing,
      }),
      pollRequestFile: { take: () => Promise.resolve(false) },
      statusFile: { write: options.writeStatus ?? (() => Promise.resolve()) },
      openRpc: () => Promise.resolve({}),
      version: "1.2.3",
      listenOnLoopback: () => Promise.reject(new Fault("redirectPortInUse", "The port is taken.")),
      readAsset: () => Promise.resolve(""),
    },
    {
      settingsPath: "/Presence.ini",
      hostPid: 7,
      logDirectory: "/log",
      logLevel: null,
      secretStore: "memory",
    },
  );
  return { clock, channel, gone, file, log, store, worker };
}

describe("worker/worker", () => {
  it("reads settings and keychain, blocks without a grant, and leaves no timer behind", async () => {
    const { clock, channel, file, log, worker } = createHarness();
    const ended = worker.run();
    await clock.advance(1_000);
    const { result } = await channel.request("worker/status");
    expect(result).to.include({ phase: "blocked", enabled: true, version: "1.2.3" });
    expect(file.watchers).to.equal(1);
    expect(log.setLevel.calledWith("info")).to.equal(true);
    void worker.stop(0, "a test");
    expect(await clock.until(ended, 1_000)).to.equal(0);
    await clock.advance(1_000);
    expect(file.watchers).to.equal(0);
    expect(clock.pendingTimers).to.equal(0);
  });

  it("reports an organization whose grant cannot be read, and lets it be revoked", async () => {
    const { clock, channel, store, worker } = createHarness();
    const orgId = "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8xMTExMTExMQ";
    await store.set("grants", JSON.stringify({ version: 1, organizations: [orgId] }));
    const ended = worker.run();
    await clock.advance(1_000);
    const problems = async (): Promise<{ code: string; orgId: string | null; message: string }[]> =>
      ((await channel.request("worker/status")).result as { problems: [] }).problems;
    const required = async () =>
      (await problems()).filter(({ code }) => code === "authorizationRequired");
    expect((await required()).map((problem) => problem.orgId)).to.deep.equal([orgId]);
    expect((await required())[0]?.message).to.include("missing or cannot be read");
    expect((await problems()).map(({ code }) => code)).to.not.include("scopeMissing");
    expect((await channel.request("authorization/revoke", { orgId })).result).to.deep.equal({
      revokedAtWebex: false,
    });
    expect((await required()).map((problem) => problem.orgId)).to.deep.equal([null]);
    void worker.stop(0, "a test");
    expect(await clock.until(ended, 1_000)).to.equal(0);
  });

  it("stops when the host's process is gone; the first exit code counts", async () => {
    const { clock, gone, worker } = createHarness();
    const ended = worker.run();
    await clock.advance(10);
    gone[0]!();
    void worker.stop(70, "too late");
    expect(await clock.until(ended, 1_000)).to.equal(0);
  });

  for (const [what, options] of [
    ["the log never closes", { closeLog: () => new Promise<void>(nothing) }],
    ["the log cannot be closed", { closeLog: () => Promise.reject(new Error("broken")) }],
    ["the status file hangs", { writeStatus: () => new Promise<void>(nothing) }],
  ] as const) {
    it(`stops within a second although ${what}`, async () => {
      const { clock, worker } = createHarness(options);
      const ended = worker.run();
      await clock.advance(100);
      worker.stop(65, "a test").catch(nothing);
      expect(await clock.until(ended, 1_000)).to.equal(65);
    });
  }
});
