import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import {
  type AnonymousPipeProcess,
  launchWithAnonymousPipes,
} from "../support/anonymous-pipe-fixture.js";
import { parseFrames, request, type WireMessage } from "../support/byte-host-fake.js";
import { waitUntil } from "../support/clock-fake.js";
import { startKeychain } from "../support/keychain-fixture.js";
import { EXIT_MS, FULL, LOGGED_NOTIFICATION, MANY } from "../support/pipes-contract.js";
import { requireDisposableWindows, requireWindows } from "../support/windows-fixture.js";

const nodes = (process.env.WINDOWS_NODES ?? process.execPath).split(";");
const DEADLINE_MS = 15_000;

describe("windows: the anonymous pipes of a host in .NET", function () {
  this.timeout(60_000);
  let folder: string;
  let worker: AnonymousPipeProcess;
  const launched: AnonymousPipeProcess[] = [];

  before(function () {
    requireWindows(this);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-pipes-"));
    writeFileSync(join(folder, "Presence.ini"), "WebexPresence.Enable=0\r\n");
  });
  afterEach(async () => {
    for (const each of launched.splice(0)) await each.release();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  const launch = async (
    node: string,
    { secretStore = "memory", args = [] as readonly string[] } = {},
  ): Promise<void> => {
    worker = await launchWithAnonymousPipes([
      ...[node, "dist/worker.cjs", "--settings", join(folder, "Presence.ini")],
      ...["--secret-store", secretStore, "--log-dir", join(folder, "log"), ...args],
    ]);
    launched.push(worker);
  };
  const until = (holds: () => boolean, description: string): Promise<void> =>
    waitUntil(holds, DEADLINE_MS, () => description);
  const messages = (): WireMessage[] => parseFrames(worker.stdout.read());
  /** Resolves with the response to a request. Reads stdout. */
  const ask = async (id: number): Promise<WireMessage> => {
    await worker.stdin.write(request(id, "worker/status"));
    const find = (): WireMessage | undefined => messages().find((message) => message.id === id);
    await until(() => find() !== undefined, `the response to request ${id}`);
    return find()!;
  };
  const logFile = (): string => {
    const path = join(folder, "log", "worker.log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  const sendManyRequests = (): Promise<void> =>
    worker.stdin.write(
      Buffer.concat(Array.from({ length: FULL }, (_, i) => request(i, "worker/status"))),
    );
  /** The worker, at level debug, with more records than anybody has read from stderr. */
  const launchWithUnreadStderr = async (node: string): Promise<void> => {
    await launch(node, { args: ["--log-level", "debug"] });
    await ask(1);
    await worker.stdin.write(
      Buffer.concat(Array.from({ length: MANY }, () => LOGGED_NOTIFICATION)),
    );
  };
  /** Does something and expects the exit code 0 within a time. */
  const expectExit = async (act: () => unknown, ms = EXIT_MS): Promise<void> => {
    const startedAt = performance.now();
    act();
    expect(await worker.exited()).to.equal(0);
    expect(performance.now() - startedAt).to.be.lessThan(ms);
  };

  for (const node of nodes) {
    describe(node, () => {
      it("answers while nobody reads stderr, and ends at the end of stdin", async () => {
        await launchWithUnreadStderr(node);
        expect((await ask(2)).result).to.have.property("phase");
        await until(() => logFile().includes("does not read the worker's stderr"), "the warning");
        await expectExit(() => worker.stdin.close());
        expect(logFile()).to.include("The worker is stopping.");
      });

      it("answers, and logs to its file, after the host has closed stderr", async () => {
        await launchWithUnreadStderr(node);
        worker.stderr.close();
        expect((await ask(2)).result).to.have.property("phase");
        await expectExit(() => worker.stdin.close());
        expect(logFile()).to.include("The worker is stopping.").and.to.not.include("defect");
      });

      it("ends at the end of stdin while nobody reads stdout", async () => {
        await launch(node);
        await sendManyRequests();
        await expectExit(() => worker.stdin.close());
        expect(logFile()).to.include("The worker is stopping.");
      });

      it("ends while nobody reads stdout when the process of the host is gone", async () => {
        const host = await launchIdleProcess(node);
        try {
          await launch(node, { args: ["--host-pid", String(host.pid)] });
          await sendManyRequests();
          await expectExit(() => host.kill("SIGKILL"), 3_000 + EXIT_MS);
        } finally {
          host.kill("SIGKILL");
        }
      });

      it("sends every response, whole and in order, to a host that reads late", async () => {
        await launch(node);
        await sendManyRequests();
        await ask(FULL);
        const ids = messages().filter(({ id }) => id !== undefined);
        expect(ids.map(({ id }) => id)).to.deep.equal(
          Array.from({ length: FULL + 1 }, (_, i) => i),
        );
        await expectExit(() => worker.stdin.close());
      });

      it("exits with code 2 for an unknown option, though nobody reads the error", async () => {
        await launch(node, { args: ["--nonsense"] });
        expect(await worker.exited()).to.equal(2);
        expect(worker.stderr.read().toString()).to.include("--nonsense");
      });

      // Windows carries out one operation at a time on a synchronous pipe, and the worker is always
      // waiting for stdin: a library that asks for the type of stdin as it is loaded waits, too.
      it("uses the keychain while the host sends nothing", async function () {
        requireDisposableWindows(this);
        const keychain = await startKeychain();
        try {
          const settings = ["WebexPresence.Enable=1", "WebexPresence.Authorize=off", ""];
          writeFileSync(join(folder, "Presence.ini"), settings.join("\r\n"));
          await launch(node, { secretStore: "keychain" });
          const problems = (): string[] => problemsIn(messages());
          await until(() => problems().length > 0, "a status with a problem");
          expect(problems()).to.deep.equal(["clientNotConfigured", "authorizationRequired"]);
          await expectExit(() => worker.stdin.close());
        } finally {
          await keychain.stop();
        }
      });
    });
  }
});

async function launchIdleProcess(node: string): Promise<ChildProcess> {
  const child = spawn(node, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}

/** The codes of the problems in the last status that the worker has sent. */
function problemsIn(messages: readonly WireMessage[]): string[] {
  const statuses = messages.filter(({ method }) => method === "worker/statusChanged");
  const status = statuses.at(-1)?.params as { problems: { code: string }[] } | undefined;
  return status?.problems.map(({ code }) => code) ?? [];
}
