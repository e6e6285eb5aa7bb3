import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect } from "chai";

import {
  ClientError,
  type ClientEvents,
  PresenceClient,
  type PresenceClientOptions,
  type PresenceRecord,
  RpcError,
  type Subscription,
} from "../../src/client/client.js";
import { type ManifestOptions, writeManifest } from "../support/manifest-fixture.js";
import { SCRIPTED_WORKER } from "../support/scripted-worker-fixture.js";
import { skip } from "../support/windows-fixture.js";

const DEADLINE_MS = 8_000;

/** Rejects after a deadline, so that a test that waits in vain says for what. */
function within<T>(description: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Timed out: ${description}`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => error as Error & { readonly code: unknown },
  );

const shown = (records: readonly PresenceRecord[]) =>
  records.map(({ uri, state, reason }) => `${uri} ${state} ${reason ?? "-"}`);

describe("the client for hosts", function () {
  this.timeout(20_000);
  let folder: string;
  let client: PresenceClient;

  async function create(
    options: Partial<PresenceClientOptions> = {},
    manifest?: ManifestOptions,
  ): Promise<PresenceClient> {
    const manifestPath = await writeManifest(folder, ["worker.cjs"], manifest);
    client = new PresenceClient({ manifestPath, settingsPath: "Presence.ini", ...options });
    return client;
  }

  const next = <Name extends keyof ClientEvents>(name: Name): Promise<ClientEvents[Name]> =>
    within(
      name,
      new Promise((resolveNext) => {
        const off = client.events.on(name, (payload) => {
          off();
          resolveNext(payload);
        });
      }),
    );
  const nextChange = (subscription: Subscription): Promise<readonly PresenceRecord[]> =>
    within(
      "a change",
      new Promise((resolve) => {
        const off = subscription.events.on("changed", (records) => {
          off();
          resolve(records);
        });
      }),
    );
  const setState = (state: string): void => writeFileSync(join(folder, "state"), state);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-client-"));
    writeFileSync(join(folder, "worker.cjs"), SCRIPTED_WORKER);
    setState("available");
  });
  afterEach(async () => {
    await client.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it("keeps a subscription through a crash: unknown at once, then only what differs", async () => {
    await create();
    await client.start();
    const subscription = await client.subscribe({ uris: ["ada", "bo", "changing"] });
    expect(shown(await nextChange(subscription))).to.deep.equal(["changing onCall -"]);
    const records = () => shown([...subscription.records.values()]);
    expect(records()).to.deep.equal(["ada available -", "bo available -", "changing onCall -"]);

    setState("away");
    const exited = next("exited");
    const lost = nextChange(subscription);
    client.kill();
    const unknown = ["ada", "bo", "changing"].map((uri) => `${uri} unknown notReady`);
    expect(shown(await lost)).to.deep.equal(unknown);
    const [ada] = subscription.records.values();
    expect(ada).to.include({ basic: null, displayName: "Ada", webexStatus: "available" });
    const restart = { attempt: 1, delaySeconds: 0.02 };
    expect(await exited).to.deep.equal({ code: null, signal: "SIGKILL", restart });
    expect(await failure(client.request("worker/status"))).to.include({ code: "notRunning" });

    const renewed = nextChange(subscription);
    expect(await next("restarted")).to.deep.equal(restart);
    expect(shown(await renewed)).to.deep.equal(["ada away -", "bo away -", "changing away -"]);
    expect(shown(await nextChange(subscription))).to.deep.equal(["changing onCall -"]);
  });

  it("ends a subscription, also one that a restart is about to renew", async () => {
    await create();
    await client.start();
    const first = await client.subscribe({ uris: ["ada"] });
    const second = await client.subscribe({ uris: ["bo"] });
    const ended = next("notified");
    await first.unsubscribe();
    expect(await ended).to.deep.equal({
      method: "unsubscribed",
      params: { subscriptionId: "s1" },
    });
    const exited = next("exited");
    client.kill();
    await exited;
    await second.unsubscribe();
    await second.unsubscribe();
    await next("restarted");
    // The first one of this worker: nothing was renewed.
    const third = await client.subscribe({ uris: ["cy"] });
    const notified = next("notified");
    await third.unsubscribe();
    expect(await notified).to.deep.include({ params: { subscriptionId: "s1" } });
    expect(second.records.get("bo")).to.include({ state: "unknown" });
  });

  it("ends a subscription while the new worker is being asked for it", async () => {
    await create();
    await client.start();
    const subscription = await client.subscribe({ uris: ["ada"] });
    setState("away");
    client.kill();
    await next("restarted");
    const notified = next("notified");
    await subscription.unsubscribe();
    expect(await notified).to.deep.include({ params: { subscriptionId: "s1" } });
    expect(subscription.records.get("ada")).to.include({ state: "unknown" });
  });

  it("launches the worker with the arguments that the manifest and the host name", async () => {
    await create();
    const argumentsOf = async () =>
      (await client.request("worker/status")) as unknown as { readonly argv: readonly string[] };
    await client.start();
    const settings = ["--settings", resolve("Presence.ini")];
    expect((await argumentsOf()).argv).to.deep.equal([
      ...[...settings, "--host-pid", String(process.pid)],
    ]);
    await client.stop();
    await create({ hostPid: null, args: ["--secret-store", "memory"] });
    await client.start();
    expect((await argumentsOf()).argv).to.deep.equal([...settings, "--secret-store", "memory"]);
  });

  it("waits as long as the manifest says before it launches the worker again", async () => {
    await create({}, { delaysSeconds: [0.3, 0.02] });
    await client.start();
    for (const delaySeconds of [0.3, 0.02]) {
      const exited = next("exited");
      client.kill();
      expect((await exited).restart).to.include({ delaySeconds });
      const exitedAt = performance.now();
      await next("restarted");
      // Timers of Node.js may be early by less than a millisecond.
      expect(performance.now() - exitedAt).to.be.at.least(delaySeconds * 1_000 - 5);
    }
  });

  it("says of a subscription that the new worker refused it", async () => {
    await create();
    await client.start();
    const subscription = await client.subscribe({ uris: ["ada"] });
    setState("refused");
    const failed = within(
      "failed",
      new Promise((resolve) => subscription.events.on("failed", resolve)),
    );
    client.kill();
    expect(await failed)
      .to.be.instanceOf(RpcError)
      .with.property("code", 1202);
    expect(subscription.records.get("ada")).to.include({ state: "unknown", reason: "notReady" });
    expect(await failure(client.subscribe({ uris: ["bo"] }))).to.include({ code: 1202 });
  });

  it("shows no state of a worker that ended right after its response", async () => {
    await create({ restart: false });
    await client.start();
    const exited = next("exited");
    // Whether the response or the exit is handled first is open.
    const subscription = await client.subscribe({ uris: ["last words"] }).catch(() => null);
    await exited;
    expect(subscription?.records.get("last words")?.state ?? "unknown").to.equal("unknown");
  });

  it("introduces itself to each worker", async () => {
    const introduction = { host: { name: "A host", version: "2026.Winter.1" } };
    await create({ introduction });
    await client.start();
    const expected = { protocolVersion: "1.1", ...introduction };
    const status = () => client.request("worker/status") as Promise<unknown>;
    expect(await status()).to.deep.include({ introduction: expected });
    client.kill();
    await next("restarted");
    expect(await status()).to.deep.include({ introduction: expected });
  });

  it("does not restart after exit code 0, after stop, or if it may not", async () => {
    await create();
    await client.start();
    const ended = next("exited");
    client.child!.stdin.end();
    expect(await ended).to.deep.equal({ code: 0, signal: null, restart: null });

    await client.start();
    const crashed = next("exited");
    client.kill();
    expect((await crashed).restart).to.include({ attempt: 1 });
    // Now rather than later, and not twice.
    await client.start();
    const { pid } = client;
    let restarts = 0;
    client.events.on("restarted", () => (restarts += 1));
    await new Promise((resolveWait) => setTimeout(resolveWait, 40));
    expect([client.pid, restarts]).to.deep.equal([pid, 0]);
    const killedNow = next("exited");
    client.kill();
    await killedNow;
    expect(await client.stop()).to.deep.equal({ code: null, signal: "SIGKILL" });
    // Twice the time after which the restart would have come.
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(client.pid).to.equal(null);
    await create({ restart: false });
    await client.start();
    const killed = next("exited");
    client.kill();
    expect((await killed).restart).to.equal(null);
    expect(client.pid).to.equal(null);
  });

  it("kills a worker that does not stop in time", async () => {
    await create({ env: { IGNORE_SHUTDOWN: "1" } });
    await client.start();
    await client.request("presence/get", { uri: "ada" });
    const exited = next("exited");
    expect(await client.stop({ timeoutMs: 50 })).to.deep.equal({ code: null, signal: "SIGKILL" });
    expect((await exited).restart).to.equal(null);
  });

  it("starts again when it is told to while it stops, and not if it is then stopped", async () => {
    await create();
    await client.start();
    const first = client.pid;
    let stopped = client.stop();
    await client.start();
    expect(await stopped).to.deep.equal({ code: 0, signal: null });
    expect(client.pid).to.be.a("number").and.not.equal(first);
    expect(await client.request("presence/get", { uri: "ada" })).to.equal(null);

    stopped = client.stop();
    const refused = failure(client.start());
    await Promise.all([stopped, client.stop()]);
    expect(await refused).to.include({ code: "notRunning" });
    expect(client.pid).to.equal(null);
  });

  it("ends a subscription while it stops, also one that is being renewed", async () => {
    await create();
    await client.start();
    const subscription = await client.subscribe({ uris: ["ada"] });
    client.kill();
    await next("restarted");
    await Promise.all([subscription.unsubscribe(), client.stop()]);

    await client.start();
    const other = await client.subscribe({ uris: ["bo"] });
    const stopped = client.stop();
    await other.unsubscribe();
    await stopped;
  });

  it("notices an exit although another process keeps the pipes open", async () => {
    await create();
    await client.start();
    const left: number[] = [];
    client.events.on("stderrLine", (line) => {
      const [, pid] = /^left (\d+)$/.exec(line) ?? [];
      if (pid !== undefined) left.push(Number(pid));
    });
    const subscription = await client.subscribe({ uris: ["left behind"] });
    try {
      await within("stop", client.stop());
      expect(subscription.records.get("left behind")).to.include({ reason: "notReady" });
      expect(left).to.have.length(1);
    } finally {
      for (const pid of left) process.kill(pid, "SIGKILL");
    }
  });

  it("survives a notification that it cannot read", async () => {
    await create();
    await client.start();
    await client.subscribe({ uris: ["ada"] });
    for (const params of ["", ',"params":{"subscriptionIds":["s1"],"changes":null}']) {
      const error = next("protocolError");
      const body = `{"jsonrpc":"2.0","method":"presence/changed"${params}}`;
      const text = `Content-Length: ${body.length}\r\n\r\n${body}`;
      client.child!.stdout.emit("data", Buffer.from(text));
      expect((await error).message).to.contain("presence/changed");
    }
    expect(await client.request("presence/get", { uri: "ada" })).to.equal(null);
  });

  it("rejects what is pending when the worker exits, with the code of its exit", async () => {
    await create({ restart: false });
    await client.start();
    const abort = new AbortController();
    const cancelled = failure(client.refresh("silent", { signal: abort.signal }));
    const pending = failure(client.refresh("silent"));
    abort.abort();
    expect(await cancelled).to.include({ code: -32800 });
    expect([...client.refreshing], "the other one goes on").to.deep.equal(["silent"]);
    const poll = await failure(client.request("worker/poll"));
    expect(poll).to.be.instanceOf(ClientError).with.property("code", "workerExited");
    expect(poll?.message).to.contain("exit code 70");
    expect(await pending).to.include({ code: "workerExited" });
    expect([...client.refreshing]).to.deep.equal([]);
  });

  it("cancels a request and a refresh by a signal", async () => {
    await create();
    await client.start();
    const signal = AbortSignal.timeout(20);
    const cancelled = [
      client.request("presence/get", { uri: "silent" }, { signal }),
      client.refresh("silent", { signal }),
    ];
    for (const error of await Promise.all(cancelled.map(failure))) {
      expect(error).to.be.instanceOf(RpcError).with.property("code", -32800);
    }
  });

  it("reports a program that cannot be launched", async () => {
    await create({ command: join(folder, "none") });
    const error = await failure(client.start());
    expect(error).to.be.instanceOf(ClientError).with.property("code", "launchFailed");
    expect(error?.message).to.contain("ENOENT").and.contain("Presence stays unknown until it runs");
    expect(await failure(client.request("worker/status"))).to.include({ code: "notRunning" });
  });

  it("reports a program that the system refuses before there is a process", async function () {
    if (process.platform === "win32")
      skip(this, "Windows reports a file in place of a folder late");
    await create({ command: join(folder, "state", "node") });
    const error = await failure(client.start());
    expect(error).to.be.instanceOf(ClientError).with.property("code", "launchFailed");
    expect(error?.message).to.contain("ENOTDIR");
  });

  it("tries again if a restart cannot be launched", async function () {
    if (process.platform === "win32") skip(this, "Windows needs rights for symbolic links");
    const command = join(folder, "node-of-the-test");
    symlinkSync(process.execPath, command);
    await create({ command });
    await client.start();
    rmSync(command);
    const failed = next("launchFailed");
    client.kill();
    expect(await failed).to.have.property("code", "launchFailed");
    symlinkSync(process.execPath, command);
    expect((await next("restarted")).attempt).to.be.greaterThan(1);
  });

  it("launches a worker if it is started while the one before stops", async () => {
    await create();
    await client.start();
    const { pid } = client;
    const stopped = client.stop();
    await client.start();
    expect(await stopped).to.include({ code: 0 });
    expect(client.pid).to.be.a("number").and.not.equal(pid);
    expect(await client.request("presence/get", { uri: "ada" })).to.equal(null);
    await Promise.all([client.stop(), client.start(), client.stop()].map(failure));
    expect(client.pid).to.equal(null);
  });

  it("ends a subscription while it is renewed by a worker that stops", async () => {
    await create();
    await client.start();
    const subscription = await client.subscribe({ uris: ["ada"] });
    const rejections: unknown[] = [];
    const listeners = process.rawListeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => rejections.push(reason));
    try {
      const restarted = next("restarted");
      client.kill();
      await restarted;
      const ended = failure(subscription.unsubscribe());
      await client.stop();
      expect(await ended).to.equal(null);
      await new Promise((resolve) => setImmediate(resolve));
      expect(rejections).to.deep.equal([]);
    } finally {
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener as () => void);
    }
  });

  it("tries again if the worker's program is being replaced", async function () {
    if (process.platform !== "linux") skip(this, "another system says otherwise that it is busy");
    const command = join(folder, "node-of-the-test");
    const place = (): void => {
      rmSync(command, { force: true });
      copyFileSync(process.execPath, command);
      chmodSync(command, 0o755);
    };
    place();
    await create({ command });
    await client.start();
    place();
    const writing = openSync(command, "r+");
    const failed = next("launchFailed");
    client.kill();
    try {
      expect((await failed).message).to.contain("ETXTBSY");
      await client.stop();
      expect(await failure(client.start())).to.include({ code: "launchFailed" });
    } finally {
      closeSync(writing);
    }
  });

  it("reports a response to no request, and keeps the worker", async () => {
    await create();
    await client.start();
    const { pid } = client;
    const error = next("protocolError");
    const body = '{"jsonrpc":"2.0","id":77,"result":null}';
    const frame = `Content-Length: ${body.length}\r\n\r\n${body}`;
    client.child!.stdout.emit("data", Buffer.from(frame));
    expect((await error).message).to.include("responded to no request");
    expect(await client.request("presence/get", { uri: "ada" })).to.equal(null);
    expect(client.pid).to.equal(pid);
  });

  it("kills and restarts a worker whose output is not the protocol", async () => {
    await create();
    await client.start();
    client.child!.stdout.emit("data", Buffer.from("warning: something\r\n\r\n"));
    const exited = next("exited");
    expect((await exited).signal).to.equal("SIGKILL");
    await next("restarted");
    expect(await client.request("presence/get", { uri: "ada" })).to.equal(null);
  });
});
