import { expect } from "chai";
import sinon from "sinon";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import { readIniLine } from "../../../src/platform/ini-line.js";
import { MemoryStore } from "../../../src/platform/secret-store.js";
import { encodeLearned } from "../../../src/polling/learned-facts.js";
import { Worker } from "../../../src/worker/worker.js";
import {
  encodeClient,
  encodeGrant,
  encodeIndex,
  grantAccount,
} from "../../../src/authorization/keychain-records.js";
import type { HttpRequest, HttpResponse } from "../../../src/ports/http.js";
import type { LearnedFile } from "../../../src/ports/process.js";
import type { ListenOnLoopback } from "../../../src/ports/loopback-server.js";
import { client, grantOf, orgA } from "../../support/authorization-fixture.js";
import { FakeLoopback } from "../../support/loopback-server-fake.js";
import { FakeChannel } from "../../support/channel-fake.js";
import { FakeClock, SeededRandom } from "../../support/clock-fake.js";
import { FakeSettingsFile } from "../../support/settings-file-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

const nothing = (): void => undefined;

function jsonResponse(status: number, body: object): HttpResponse {
  return { status, headers: {}, body: new TextEncoder().encode(JSON.stringify(body)) };
}

/** `endedAgoMs`: how long ago the earlier worker ended; null: it crashed. */
function learnedText(endedAgoMs: number | null = null): string {
  const requestDurationMs = { page: 2_000, lookup: 200 };
  const facts = { requestsPerMinute: 20, pageSize: 500, pages: 9, honorsOldLinks: true };
  const learnedAt = new FakeClock().now();
  const origin = { orgId: orgA, apiOrigin: "https://webexapis.com" };
  const all = { ...facts, acceptedPerMinute: null, requestDurationMs, rateLimitPause: null };
  const endedAt = endedAgoMs === null ? null : learnedAt - endedAgoMs;
  return encodeLearned({ organizations: [{ ...origin, learnedAt, facts: all }], endedAt });
}

function createHarness(
  options: {
    closeLog?: () => Promise<void>;
    writeStatus?: () => Promise<boolean>;
    send?: (request: HttpRequest) => Promise<HttpResponse>;
    listen?: ListenOnLoopback;
    learnedFile?: Partial<LearnedFile>;
  } = {},
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
      logFile: null,
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
        send: options.send ?? (() => Promise.reject(new Fault("webexUnreachable", "No network."))),
        close: nothing,
      }),
      readAddresses: () => [],
      pollRequestFile: { take: () => Promise.resolve(false) },
      dashboardFile: { write: () => Promise.resolve(true), remove: () => Promise.resolve() },
      formatMetrics: () => Promise.resolve({ contentType: "text/plain", text: "" }),
      readProcessUsage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
      statusFile: { write: options.writeStatus ?? (() => Promise.resolve(true)) },
      learnedFile: {
        read: () => Promise.resolve(null),
        write: () => Promise.resolve(true),
        ...options.learnedFile,
      },
      openRpc: () => Promise.resolve({}),
      version: "1.2.3",
      listenOnLoopback:
        options.listen ?? (() => Promise.reject(new Fault("portInUse", "The port is taken."))),
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

  it("asks Webex within a minute twice, then every ten minutes, after it has refused a grant", async () => {
    let isRefused = true;
    const refreshedAt: number[] = [];
    const { clock, channel, store, worker } = createHarness({
      send: ({ url, headers }) => {
        if (!url.endsWith("/access_token")) {
          const isAccepted = headers.Authorization === "Bearer access-new";
          return Promise.resolve(
            isAccepted
              ? jsonResponse(200, { items: [], id: "me", orgId: orgA, status: "active" })
              : jsonResponse(401, { message: "The token is not valid.", trackingId: "T" }),
          );
        }
        refreshedAt.push(clock.monotonic());
        return Promise.resolve(
          isRefused
            ? jsonResponse(400, { error: "invalid_grant", error_description: "Refused." })
            : jsonResponse(200, { access_token: "access-new", expires_in: 1_209_599 }),
        );
      },
    });
    await store.set("client", encodeClient(client));
    await store.set("grants", encodeIndex([orgA]));
    await store.set(grantAccount(orgA), encodeGrant(grantOf(orgA, "old", clock.now())));
    const ended = worker.run();
    const codes = async (): Promise<readonly string[]> => {
      const { result } = await channel.request("worker/status");
      return (result as { problems: { code: string }[] }).problems.map(({ code }) => code);
    };
    await clock.advance(1_800_000);
    expect(await codes()).to.include("authorizationExpired");
    const gaps = refreshedAt.slice(1).map((at, index) => at - refreshedAt[index]!);
    expect(gaps.length).to.be.within(4, 5);
    for (const gap of gaps.slice(0, 2)) expect(gap).to.be.within(30_000, 59_000);
    for (const gap of gaps.slice(2)) expect(gap).to.be.within(570_000, 640_000);
    isRefused = false;
    const before = refreshedAt.length;
    expect((await channel.request("worker/poll", {})).result).to.include({ accepted: true });
    await clock.advance(2_000);
    expect(refreshedAt).to.have.length(before + 1);
    expect(await codes()).not.to.include("authorizationExpired");
    void worker.stop(0, "a test");
    expect(await clock.until(ended, 1_000)).to.equal(0);
  });

  for (const [what, account, record] of [
    [
      "tokens",
      grantAccount(orgA),
      (grantedAt: number) => encodeGrant(grantOf(orgA, "new", grantedAt)),
    ],
    [
      "client secret",
      "client",
      () => encodeClient({ ...client, clientSecret: new Secret("SECRET-new-client") }),
    ],
  ] as const) {
    it(`polls within some seconds with the ${what} that another process stores after a refusal`, async () => {
      const { clock, channel, store, worker } = createHarness({
        send: ({ url, headers, body }) => {
          const isToken = url.endsWith("/access_token");
          if (isToken && body?.includes("new-client") === true)
            return Promise.resolve(
              jsonResponse(200, { access_token: "SECRET-access-new", expires_in: 1_209_599 }),
            );
          if (isToken) return Promise.resolve(jsonResponse(400, { error: "invalid_grant" }));
          const isAccepted = headers.Authorization === "Bearer SECRET-access-new";
          return Promise.resolve(
            isAccepted
              ? jsonResponse(200, { items: [], id: "me", orgId: orgA, status: "active" })
              : jsonResponse(401, { message: "The token is not valid.", trackingId: "T" }),
          );
        },
      });
      const grantedAt = clock.now();
      await store.set("client", encodeClient(client));
      await store.set("grants", encodeIndex([orgA]));
      await store.set(grantAccount(orgA), encodeGrant(grantOf(orgA, "old", grantedAt)));
      const ended = worker.run();
      const isExpired = async (): Promise<boolean> => {
        const { result } = await channel.request("worker/status");
        const { problems } = result as { problems: { code: string }[] };
        return problems.some(({ code }) => code === "authorizationExpired");
      };
      const advanceUntil = async (expired: boolean): Promise<number> => {
        const startedAt = clock.monotonic();
        while ((await isExpired()) !== expired && clock.monotonic() - startedAt < 90_000)
          await clock.advance(100);
        return clock.monotonic() - startedAt;
      };
      await advanceUntil(true);
      await clock.advance(200);
      await store.set(account, record(grantedAt));
      expect(await advanceUntil(false)).to.be.at.most(3_000);
      void worker.stop(0, "a test");
      expect(await clock.until(ended, 1_000)).to.equal(0);
    });
  }

  for (const [what, learnedFile, firstPage] of [
    ["what an earlier worker has learned", { read: () => Promise.resolve(learnedText()) }, "500"],
    ["nothing if the disk does not respond", { read: () => new Promise<null>(nothing) }, "1000"],
  ] as const) {
    it(`starts with ${what}, and keeps what it learns`, async () => {
      const written: string[] = [];
      const requested: string[] = [];
      const { clock, store, worker } = createHarness({
        learnedFile: {
          ...learnedFile,
          write: (text) => {
            written.push(text);
            return new Promise(nothing);
          },
        },
        send: ({ url }) => {
          requested.push(url);
          const items = [{ id: "me", orgId: orgA, status: "active", emails: ["me@example.com"] }];
          return Promise.resolve(jsonResponse(200, { items }));
        },
      });
      await store.set("client", encodeClient(client));
      await store.set("grants", encodeIndex([orgA]));
      await store.set(grantAccount(orgA), encodeGrant(grantOf(orgA, "old", clock.now())));
      const ended = worker.run();
      await clock.advance(1_000);
      expect(new URL(requested[0]!).searchParams.get("max")).to.equal(firstPage);
      void worker.stop(0, "a test");
      expect(await clock.until(ended, 1_000)).to.equal(0);
      const learned = JSON.parse(written.at(-1) ?? "{}") as { organizations: object[] };
      expect(learned.organizations).to.have.length(1);
      expect(learned.organizations[0]).to.include({ orgId: orgA, pages: 1 });
      expect(written.join("")).not.to.include("@example.com");
    });
  }

  it("begins more slowly if an earlier worker may have used up the minute", async () => {
    const counts: number[] = [];
    for (const endedAgoMs of [3_600_000, 10_000, null]) {
      let count = 0;
      const { clock, store, worker } = createHarness({
        learnedFile: { read: () => Promise.resolve(learnedText(endedAgoMs)) },
        send: () => {
          count += 1;
          const items = [{ id: `p${count}`, orgId: orgA, status: "active", emails: ["a@b.com"] }];
          const link = `<https://webexapis.com/v1/people?cursor=${count}>; rel="next"`;
          return Promise.resolve({ ...jsonResponse(200, { items }), headers: { link } });
        },
      });
      await store.set("client", encodeClient(client));
      await store.set("grants", encodeIndex([orgA]));
      await store.set(grantAccount(orgA), encodeGrant(grantOf(orgA, "old", clock.now())));
      const ended = worker.run();
      await clock.advance(6_000);
      counts.push(count);
      void worker.stop(0, "a test");
      await clock.until(ended, 1_000);
    }
    expect(counts[0]).to.be.at.least(7);
    expect(counts[1]).to.be.at.most(4);
    expect(counts[2]).to.equal(counts[1]);
  });

  it("closes the page that the host began when the host shuts it down", async () => {
    const loopback = new FakeLoopback();
    const { clock, channel, file, store, worker } = createHarness({ listen: loopback.listen });
    file.put("WebexPresence.Enable=0\n");
    await store.set("client", encodeClient(client));
    const ended = worker.run();
    await clock.advance(1_000);
    const begun = await channel.request("authorization/begin", { method: "browser" });
    expect(begun.result).to.include({ method: "browser" });
    expect(loopback.isListening(8467)).to.equal(true);
    const before = channel.notifications.length;
    await channel.request("shutdown");
    expect(loopback.isListening(8467)).to.equal(false);
    await clock.advance(1_000);
    expect(channel.notifications).to.have.length(before);
    void worker.stop(0, "a test");
    expect(await clock.until(ended, 1_000)).to.equal(0);
  });

  it("cancels what waits for the settings when the host shuts it down before they are read", async () => {
    const { clock, channel, worker } = createHarness();
    const ended = worker.run();
    const calls = [
      channel.request("authorization/list"),
      channel.request("authorization/begin", { method: "device" }),
      channel.request("authorization/revoke", { orgId: "org" }),
      channel.request("authorization/import", { refreshToken: "refresh" }),
    ];
    await channel.request("shutdown");
    const codes = (await Promise.all(calls)).map(({ error }) => error?.code);
    expect(codes).to.deep.equal([-32800, -32800, -32800, -32800]);
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
    ["the status file hangs", { writeStatus: () => new Promise<boolean>(nothing) }],
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
