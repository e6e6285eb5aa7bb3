import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { expect } from "chai";
import { RpcError } from "../../src/client/client.js";
import { ReferenceHost, type ReferenceHostOptions } from "../../simulator/reference-host.js";
import { writeManifest } from "../support/manifest-fixture.js";
import { addRuntime, RUNTIME } from "../support/release-folder-fixture.js";

/** A worker that echoes, fails, sends notifications and exits on request. */
const WORKER = `
let received = Buffer.alloc(0);
const send = (message) => {
  const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
  const frame = Buffer.concat([Buffer.from("Content-Type: x\\r\\nContent-Length: " + body.length + "\\r\\n\\r\\n"), body]);
  for (let at = 0; at < frame.length; at += 7) process.stdout.write(frame.subarray(at, at + 7));
};
let stopping = false;
const handle = ({ id, method, params }) => {
  if (method === "exit") process.exit(stopping ? 0 : 1);
  if (method === "exitWith") process.exit(params.code);
  if (method === "$/cancelRequest") return send({ id: params.id, error: { code: -32800, message: "cancelled" } });
  if (method === "forever") return;
  if (method === "garbage") return process.stdout.write("this is not the protocol\\r\\n\\r\\n");
  if (method === "shutdown") { stopping = true; return send({ id, result: null }); }
  if (method === "fail") return send({ id, error: { code: 1104, message: "no", data: { orgId: "x" } } });
  if (method === "initialize") return send({ id, result: { worker: { name: params.protocolVersion, version: JSON.stringify(params) } } });
  if (method === "presence/get") {
    send({ method: "asked", params });
    // "fresh after 20 ms", or "old": the time since Webex confirmed it, in seconds.
    const [form, time] = params.uri.split(" ");
    const observedAt = () => new Date(Date.now() - (form === "old" ? time * 1000 : 0)).toISOString();
    return setTimeout(() => send({ id, result: { uri: params.uri, observedAt: form === "never" ? null : observedAt() } }), form === "fresh" ? Number(time) : 0);
  }
  if (method === "launch") return send({ id, result: { argv: process.argv.slice(2), argv0: process.argv0, cwd: process.cwd(), extra: process.env.EXTRA ?? null } });
  send({ method: "echoed", params });
  send({ id, result: params });
};
process.stderr.write("worker is up\\n");
process.stdin.on("data", (chunk) => {
  received = Buffer.concat([received, chunk]);
  for (;;) {
    const end = received.indexOf("\\r\\n\\r\\n");
    if (end < 0) return;
    const length = Number(/content-length: (\\d+)/i.exec(received.subarray(0, end).toString())[1]);
    if (received.length < end + 4 + length) return;
    const body = received.subarray(end + 4, end + 4 + length).toString();
    received = received.subarray(end + 4 + length);
    handle(JSON.parse(body));
  }
});
process.stdin.on("end", () => process.exit(0));
`;

describe("reference host", () => {
  let folder: string;
  let host: ReferenceHost;

  async function launch(
    options: Partial<ReferenceHostOptions> = {},
    delaysSeconds: number[] = [0.02, 0.05],
    command = "node",
  ): Promise<ReferenceHost> {
    const manifestPath = await writeManifest(folder, ["worker.cjs"], { command, delaysSeconds });
    host = new ReferenceHost({
      manifestPath,
      settingsPath: "Presence.ini",
      ...options,
    });
    await host.start();
    return host;
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "host with space "));
    await writeFile(join(folder, "worker.cjs"), WORKER);
  });
  afterEach(async () => {
    await host.shutdown();
    await rm(folder, { recursive: true, force: true });
  });

  it("launches the worker as the manifest specifies, in its folder", async () => {
    await launch({ extraArgs: ["--secret-store", "memory"], env: { EXTRA: "1" } });
    const { argv, cwd, extra } = (await host.request("launch")) as {
      argv: string[];
      cwd: string;
      extra: string;
    };
    expect(argv).to.deep.equal([
      "--settings",
      join(process.cwd(), "Presence.ini"),
      "--host-pid",
      String(process.pid),
      "--secret-store",
      "memory",
    ]);
    expect(cwd.endsWith(folder.slice(folder.lastIndexOf("host with")))).to.equal(true);
    expect(extra).to.equal("1");
  });

  it("resolves a command with a slash against the manifest's folder, not the PATH", async () => {
    await addRuntime(folder);
    await launch({ env: { PATH: "" } }, undefined, RUNTIME);
    expect(host.manifest.command).to.equal(join(folder, RUNTIME));
    expect(await host.request("launch")).to.include({ argv0: join(folder, RUNTIME) });
  });

  it("leaves a command without a slash to the PATH", async () => {
    await launch();
    expect(host.manifest.command).to.equal("node");
  });

  it("counts bytes, not characters, and receives fragmented messages", async () => {
    await launch();
    const message = { text: "Zoë 💬 Yılmaz" };
    const received = await Promise.all([
      host.nextNotification("echoed"),
      host.request("echo", message),
    ]);
    expect(received).to.deep.equal([message, message]);
    const many = await Promise.all(
      Array.from({ length: 50 }, (_, number) => host.request("echo", { number })),
    );
    expect(many).to.deep.equal(Array.from({ length: 50 }, (_, number) => ({ number })));
  });

  it("reports the code and data of errors, and cancels requests", async () => {
    await launch();
    const error = await host.request("fail").then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error)
      .to.be.instanceOf(RpcError)
      .and.to.deep.include({ code: 1104, data: { orgId: "x" } });
    const pendingRequest = host.request("forever");
    pendingRequest.cancel();
    expect(await pendingRequest.catch((reason: unknown) => (reason as RpcError).code)).to.equal(
      -32800,
    );
  });

  it("reports invalid protocol data", async () => {
    await launch();
    const protocolError = once(host, "protocolError");
    host.notify("garbage");
    expect(String((await protocolError)[0])).to.contain("header line does not begin with a name");
  });

  it("records a transcript and emits stderr line by line", async () => {
    await launch();
    const line = once(host, "stderrLine");
    await host.request("echo", { secret: "grep me" });
    expect(await line).to.deep.equal(["worker is up"]);
    expect(host.transcript.text("stdin")).to.contain("Content-Length:").and.contain("grep me");
    expect(host.transcript.text("stdout")).to.contain("grep me");
    expect(host.transcript.text()).to.contain("worker is up");
    expect(host.transcript.dropped).to.equal(0);
  });

  it("introduces itself in version 1.1 of the protocol", async () => {
    await launch();
    const { name, version } = await host.initialize({ attendantConsole: { version: "v" } });
    expect(name).to.equal("1.1");
    expect(JSON.parse(version)).to.deep.equal({
      protocolVersion: "1.1",
      attendantConsole: { version: "v" },
    });
  });

  it("asks for a refresh, and names the address until the answer is there", async () => {
    await launch();
    const changes: string[][] = [];
    host.on("refreshing", () => changes.push([...host.refreshing]));
    const asked = host.nextNotification("asked");
    const refreshes = [host.refresh("fresh 20"), host.refresh("fresh 20")];
    expect([...host.refreshing]).to.deep.equal(["fresh 20"]);
    expect(await asked).to.deep.equal({ uri: "fresh 20", maxAgeSeconds: 0, maxWaitMs: 3000 });
    const [first, second] = await Promise.all(refreshes);
    expect(first?.record.uri).to.equal("fresh 20");
    expect(first?.tookMs).to.be.within(15, 2000);
    expect([first?.isFresh, second?.isFresh]).to.deep.equal([true, true]);
    expect(changes.at(0)).to.deep.equal(["fresh 20"]);
    expect(changes.at(-1)).to.deep.equal([]);
  });

  it("judges by the time of the confirmation whether an answer is fresh", async () => {
    await launch();
    const ages = [
      ["old 20", 0, false],
      ["old 20", 30, true],
      ["old 40", 30, false],
      ["never", 30, false],
    ] as const;
    for (const [uri, maxAgeSeconds, isFresh] of ages) {
      const answer = await host.refresh(uri, { maxAgeSeconds, maxWaitMs: 100 });
      expect(answer.isFresh, `${uri}, ${maxAgeSeconds} s`).to.equal(isFresh);
    }
  });

  it("does not take for fresh what came while the worker waited in vain", async () => {
    await launch();
    const late = await host.refresh("fresh 300", { maxWaitMs: 300 });
    expect(late.tookMs).to.be.at.least(290);
    expect(late.isFresh).to.equal(false);
    // Without a wait, the record is what the worker had.
    const known = await host.refresh("old 5", { maxAgeSeconds: 30, maxWaitMs: 0 });
    expect(known.isFresh).to.equal(true);
  });

  it("names nobody any more if the worker exits during a refresh", async () => {
    await launch({ restart: false });
    const refresh = host.refresh("fresh 60000").catch((error: unknown) => (error as Error).message);
    host.kill();
    expect(await refresh).to.contain("has exited");
    expect([...host.refreshing]).to.deep.equal([]);
  });

  it("shuts down in order, without a restart", async () => {
    await launch();
    expect(await host.shutdown()).to.deep.equal({ code: 0, signal: null });
    expect(host.pid).to.equal(null);
    expect(
      await host.request("echo").catch((error: unknown) => (error as Error).message),
    ).to.contain("not running");
  });

  it("restarts after failures with growing delays, and rejects pending requests", async () => {
    await launch();
    const pid = host.pid;
    const first = once(host, "restart");
    const pending = host.request("forever").catch((error: unknown) => (error as Error).message);
    host.kill();
    expect(await pending).to.contain("SIGKILL");
    expect((await first)[0]).to.deep.equal({ attempt: 1, delaySeconds: 0.02 });
    expect(await host.request("echo", { value: 1 })).to.deep.equal({ value: 1 });
    expect(host.pid).not.to.equal(pid);
    const second = once(host, "restart");
    host.notify("exitWith", { code: 70 });
    expect((await second)[0]).to.deep.equal({ attempt: 2, delaySeconds: 0.05 });
  });

  it("does not restart after a clean exit, or if restarts are disabled", async () => {
    await launch();
    let restarts = 0;
    host.on("restart", () => restarts++);
    host.stdin?.end();
    expect(await host.exited()).to.deep.equal({ code: 0, signal: null });
    await launch({ restart: false });
    host.on("restart", () => restarts++);
    host.kill();
    expect(await host.exited()).to.deep.equal({ code: null, signal: "SIGKILL" });
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(restarts).to.equal(0);
  });

  it("rejects a manifest that it cannot launch", async () => {
    await launch();
    await writeFile(join(folder, "other.json"), JSON.stringify({ manifestVersion: 2 }));
    expect(
      () => new ReferenceHost({ manifestPath: join(folder, "other.json"), settingsPath: "x" }),
    ).to.throw("not a plugin manifest");
  });
});

describe("the program of the reference host", () => {
  it("prints its usage: on stdout if it is asked for, on stderr if something is missing", () => {
    for (const [args, code, stream] of [
      [["--help"], 0, "stdout"],
      [[], 2, "stderr"],
    ] as const) {
      const argv = ["build/simulator/host-main.js", ...args];
      const result = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 10_000 });
      expect(result.status).to.equal(code);
      expect(result[stream]).to.match(/^Usage: /);
      expect(result.stdout + result.stderr).to.equal(result[stream]);
    }
  });
});
