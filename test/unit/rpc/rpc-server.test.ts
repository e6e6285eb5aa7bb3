import { expect } from "chai";

import { MAX_LIFETIME_SECONDS } from "../../../src/authorization/grant.js";
import { Fault, type FaultCode, type FaultDetails } from "../../../src/faults/fault.js";
import { JsonRpcChannel } from "../../../src/platform/json-rpc/channel.js";
import { isMethodName, type MethodName, PARAMS } from "../../../src/rpc/params.js";
import { RESULTS } from "../../../src/rpc/results.js";
import { ByteHost, frame, request } from "../../support/byte-host-fake.js";
import { FakeChannel, type Outcome } from "../../support/channel-fake.js";
import { settle } from "../../support/clock-fake.js";
import { presenceRecord } from "../../support/rpc-services-fake.js";
import { launchOn } from "../../support/rpc-server-fixture.js";

function launch() {
  return launchOn(new FakeChannel());
}

async function issuesOf(
  method: string,
  params: unknown,
): Promise<{ path: string; message: string }[]> {
  const { error } = await launch().channel.request(method, params);
  expect(error?.code, `${method} ${JSON.stringify(params ?? null).slice(0, 100)}`).to.equal(-32602);
  return (error!.data as { issues: { path: string; message: string }[] }).issues;
}

const VALID: Record<MethodName, object | undefined> = {
  initialize: { protocolVersion: "1.0" },
  shutdown: undefined,
  "rpc.discover": undefined,
  "presence/get": { uri: "a@x.example" },
  "presence/getMany": { uris: ["a@x.example", "a@x.example"] },
  "presence/list": {},
  "presence/subscribe": { uris: ["a@x.example"] },
  "presence/unsubscribe": { subscriptionId: "s1" },
  "authorization/setClient": { clientId: "c", clientSecret: "s" },
  "authorization/begin": { method: "browser" },
  "authorization/cancel": undefined,
  "authorization/import": { refreshToken: "r" },
  "authorization/list": undefined,
  "authorization/revoke": { orgId: "org-1" },
  "authorization/setProxyPassword": { password: "p" },
  "worker/status": undefined,
  "worker/poll": {},
};

/** Makes a valid request, with further members. */
async function requestValid(method: MethodName, further: object = {}): Promise<Outcome> {
  const { channel } = launch();
  if (method === "presence/unsubscribe") await channel.request("presence/subscribe", { all: true });
  return channel.request(method, { ...VALID[method], ...further });
}

describe("rpc: every method", () => {
  for (const method of Object.keys(PARAMS) as MethodName[]) {
    it(`${method} returns the documented members only`, async () => {
      const { result, error } = await requestValid(method);
      expect(error).to.equal(undefined);
      expect(RESULTS[method].parse(result)).to.deep.equal(result);
      expect(JSON.stringify(result)).not.to.contain("leak");
    });

    it(`${method} ignores unknown members and rejects positional parameters`, async () => {
      expect((await requestValid(method, { __unknown: { a: 1 } })).error).to.equal(undefined);
      for (const params of [[1], [{}, {}], [null, null], [[]]]) {
        expect(await issuesOf(method, params)).to.deep.equal([
          {
            path: "",
            message: "Parameters must be one object, by itself or as the only element of an array.",
          },
        ]);
      }
    });
  }

  /** The wire forms of the parameters of a valid request. */
  function formsOf(params: object | undefined): unknown[] {
    const isNone = Object.keys(params ?? {}).length === 0;
    return isNone ? [undefined, null, {}, [], [null], [{}]] : [params, [params]];
  }
  for (const method of [...Object.keys(PARAMS), "exit"] as (MethodName | "exit")[]) {
    it(`${method} takes its parameters in each form that client libraries send`, async () => {
      const params = method === "exit" ? undefined : VALID[method];
      for (const form of formsOf(params)) {
        const host = new ByteHost();
        launchOn(new JsonRpcChannel(host.input, host.output));
        host.send(request(0, "presence/subscribe", { all: true }), request("1", method, form));
        const response = (await host.until(2)).find(({ id }) => id === "1");
        expect(response, JSON.stringify(form)).to.have.property("result");
      }
    });
  }

  it("ends the process on an exit notification in each form", async () => {
    for (const form of formsOf(undefined)) {
      const host = new ByteHost();
      const { exits } = launchOn(new JsonRpcChannel(host.input, host.output));
      host.send(
        request(0, "shutdown", form),
        frame({ jsonrpc: "2.0", method: "exit", params: form }),
      );
      await host.until(1);
      await settle();
      expect(exits, JSON.stringify(form)).to.deep.equal([0]);
      expect(host.received).to.deep.equal([{ jsonrpc: "2.0", id: 0, result: null }]);
    }
  });

  it("has no other method, not even an inherited property", async () => {
    for (const method of [
      "presence/nothing",
      "toString",
      "__proto__",
      "constructor",
      "Exit",
      "$/x",
      "",
    ]) {
      expect(isMethodName(method)).to.equal(false);
      expect((await launch().channel.request(method)).error?.code).to.equal(-32601);
    }
  });

  it("returns the members of a device flow from begin", async () => {
    const { channel } = launch();
    const { result } = await channel.request("authorization/begin", { method: "device" });
    expect(result).to.have.all.keys(
      "method",
      "verificationUri",
      "verificationUriComplete",
      "userCode",
      "expiresAt",
    );
  });

  it("passes on the parameters, with defaults filled in", async () => {
    const { channel, presence, authorization, polled } = launch();
    await channel.request("presence/list", {});
    await channel.request("presence/list", { limit: 5, cursor: "c", states: ["away"], orgId: "o" });
    await channel.request("presence/subscribe", { all: true });
    await channel.request("authorization/import", {
      refreshToken: "r",
      accessToken: "a",
      expiresIn: 1,
      refreshTokenExpiresIn: 2,
      scope: "s",
    });
    await channel.request("authorization/setProxyPassword", { password: null });
    await channel.request("worker/poll");
    await channel.request("worker/poll", { orgId: "org-1" });
    expect(presence.calls).to.deep.equal([
      { list: { limit: 1000, cursor: null, states: null, orgId: null } },
      { list: { limit: 5, cursor: "c", states: ["away"], orgId: "o" } },
      { subscribe: { all: true } },
    ]);
    expect(authorization.calls).to.deep.equal([
      {
        import: {
          refreshToken: "r",
          accessToken: "a",
          expiresIn: 1,
          refreshTokenExpiresIn: 2,
          scope: "s",
        },
      },
      { setProxyPassword: null },
    ]);
    expect(polled).to.deep.equal([null, "org-1"]);
  });
});

describe("rpc: parameters", () => {
  const invalid: [method: MethodName, params: unknown, paths: string[]][] = [
    ["presence/get", undefined, ["uri"]],
    ["presence/get", { uri: 1 }, ["uri"]],
    ["presence/get", { uri: "a", maxWaitMs: -1 }, ["maxWaitMs"]],
    ["presence/get", { uri: "a", maxWaitMs: 30_001 }, ["maxWaitMs"]],
    ["presence/get", { uri: "a", maxWaitMs: 1.5 }, ["maxWaitMs"]],
    ["presence/get", { uri: "a", maxWaitMs: "1" }, ["maxWaitMs"]],
    ["presence/get", { uri: "a", maxWaitMs: null }, ["maxWaitMs"]],
    ["presence/get", { uri: "a", maxAgeSeconds: -0.1 }, ["maxAgeSeconds"]],
    ["presence/get", { uri: "a", maxAgeSeconds: 3_600.1 }, ["maxAgeSeconds"]],
    ["presence/get", { uri: "a", maxAgeSeconds: "1" }, ["maxAgeSeconds"]],
    ["presence/getMany", { uris: ["a"], maxAgeSeconds: null }, ["maxAgeSeconds"]],
    ["presence/getMany", { uris: [] }, ["uris"]],
    ["presence/getMany", { uris: "a" }, ["uris"]],
    ["presence/getMany", { uris: Array.from({ length: 10_001 }, () => "a") }, ["uris"]],
    ["presence/getMany", { uris: ["a", "b", "c", 4], maxWaitMs: "x" }, ["uris[3]", "maxWaitMs"]],
    ["presence/list", { limit: 0 }, ["limit"]],
    ["presence/list", { limit: 5_001 }, ["limit"]],
    ["presence/list", { states: ["away", "nowhere"] }, ["states[1]"]],
    ["presence/list", { cursor: 1 }, ["cursor"]],
    ["presence/list", { cursor: "bad" }, ["cursor"]],
    ["presence/subscribe", {}, [""]],
    ["presence/subscribe", { uris: ["a"], all: true }, [""]],
    ["presence/subscribe", { all: false }, ["all"]],
    ["presence/subscribe", { uris: ["a"], all: false }, ["all"]],
    ["presence/unsubscribe", {}, ["subscriptionId"]],
    ["initialize", {}, ["protocolVersion"]],
    ["initialize", { protocolVersion: 1 }, ["protocolVersion"]],
    // As the Language Server Protocol has it.
    [
      "initialize",
      { processId: 1, rootUri: null, clientInfo: { name: "n" }, capabilities: {} },
      ["protocolVersion"],
    ],
    ["initialize", { protocolVersion: "1.0", host: { name: "h", version: 1 } }, ["host.version"]],
    [
      "initialize",
      { protocolVersion: "1.0", host: { name: "h", version: "v", licensed: "no" } },
      ["host.licensed"],
    ],
    ["initialize", { protocolVersion: "1.0", hostPid: 0 }, ["hostPid"]],
    ["initialize", { protocolVersion: "1.0", hostPid: 2 ** 31 }, ["hostPid"]],
    ["authorization/setClient", { clientId: "", clientSecret: "s" }, ["clientId"]],
    ["authorization/begin", { method: "post" }, ["method"]],
    ["authorization/import", { refreshToken: "r", expiresIn: -1 }, ["expiresIn"]],
    ["authorization/import", { refreshToken: "r", expiresIn: 1e15 }, ["expiresIn"]],
    ["authorization/import", { refreshToken: "r", expiresIn: Infinity }, ["expiresIn"]],
    [
      "authorization/import",
      { refreshToken: "r", refreshTokenExpiresIn: 2 ** 53 - 1 },
      ["refreshTokenExpiresIn"],
    ],
    ["authorization/setProxyPassword", {}, ["password"]],
    ["authorization/revoke", { orgId: 1 }, ["orgId"]],
    ["worker/poll", { orgId: 1 }, ["orgId"]],
  ];
  for (const [method, params, paths] of invalid) {
    it(`${method} rejects ${JSON.stringify(params ?? null).slice(0, 60)}`, async () => {
      const issues = await issuesOf(method, params);
      expect(issues.map((issue) => issue.path)).to.deep.equal(paths);
      for (const issue of issues) expect(issue.message).to.match(/^[A-Z].*\.$/);
    });
  }

  it("takes line ends and space off client, tokens and password, and nothing else", async () => {
    const { channel, authorization } = launch();
    const client = { clientId: "\ufeff id\r\n", clientSecret: " secret \n" };
    await channel.request("authorization/setClient", client);
    await channel.request("authorization/import", { refreshToken: "r\n", accessToken: " a" });
    await channel.request("authorization/setProxyPassword", { password: " pässword \r\n\n" });
    await channel.request("authorization/setProxyPassword", { password: "\n" });
    expect(authorization.calls).to.deep.equal([
      { setClient: "id", secret: "secret" },
      {
        import: {
          refreshToken: "r",
          accessToken: "a",
          expiresIn: null,
          refreshTokenExpiresIn: null,
          scope: null,
        },
      },
      { setProxyPassword: " pässword " },
      { setProxyPassword: "" },
    ]);
  });

  for (const [what, text] of [
    ["a NUL", "hu\0sh"],
    ["a line break inside", "hu\nsh"],
    ["an escape character", "hu\u001bsh"],
    ["a C1 control character", "hu\u0090sh"],
  ] as const) {
    it(`refuses ${what} in client, tokens and password, and does not repeat it`, async () => {
      const results = [
        await issuesOf("authorization/setClient", { clientId: text, clientSecret: text }),
        await issuesOf("authorization/import", { refreshToken: text, accessToken: text }),
        await issuesOf("authorization/setProxyPassword", { password: text }),
      ];
      const [client, grant, proxy] = results.map((issues) => issues.map(({ path }) => path));
      expect(client).to.deep.equal(["clientId", "clientSecret"]);
      expect(grant).to.deep.equal(["refreshToken", "accessToken"]);
      expect(proxy).to.deep.equal(["password"]);
      for (const { message } of results.flat())
        expect(message).to.equal("It contains a control character.");
    });
  }

  it("refuses characters that no client ID, secret or token has, but a password may have", async () => {
    for (const text of ["pass\u200bword", "“quoted”"]) {
      const [issue] = await issuesOf("authorization/setClient", {
        clientId: "id",
        clientSecret: text,
      });
      expect(issue?.message).to.equal("It contains a character that is not ASCII.");
      const { error } = await launch().channel.request("authorization/setProxyPassword", {
        password: text,
      });
      expect(error).to.equal(undefined);
    }
    const [issue] = await issuesOf("authorization/setClient", {
      clientId: '"id"',
      clientSecret: "s",
    });
    expect(issue).to.deep.equal({ path: "clientId", message: "It is in quotation marks." });
    const [space] = await issuesOf("authorization/import", { refreshToken: "a b" });
    expect(space).to.deep.equal({ path: "refreshToken", message: "It contains a space." });
  });

  it("accepts the bounds themselves", async () => {
    const { channel } = launch();
    for (const [method, params] of [
      ["presence/getMany", { uris: Array.from({ length: 10_000 }, () => "a") }],
      ["presence/list", { limit: 5_000 }],
      ["presence/list", { limit: 1, states: [] }],
      ["presence/get", { uri: "", maxWaitMs: 0 }],
      [
        "authorization/import",
        { refreshToken: "r", expiresIn: 0.5, refreshTokenExpiresIn: MAX_LIFETIME_SECONDS },
      ],
    ] as const) {
      expect((await channel.request(method, params)).error).to.equal(undefined);
    }
  });

  it("never repeats a value in an error", async () => {
    const { channel } = launch();
    const outcomes = [
      await channel.request("authorization/setClient", { clientId: 5, clientSecret: ["s3cret"] }),
      await channel.request("authorization/import", {
        refreshToken: { s3cret: 1 },
        scope: ["s3cret"],
      }),
      await channel.request("authorization/begin", { method: "s3cret" }),
    ];
    for (const { error } of outcomes) expect(error?.code).to.equal(-32602);
    expect(JSON.stringify(outcomes)).not.to.contain("s3cret");
  });

  it("lists at most a hundred issues", async () => {
    const uris = Array.from({ length: 9_000 }, () => 1);
    expect(await issuesOf("presence/getMany", { uris })).to.have.length(100);
  });

  it("refuses a million elements of a wrong type by their number, at once", async () => {
    const elements = Array.from({ length: 1_000_000 }, () => 1);
    for (const [method, name] of [
      ["presence/getMany", "uris"],
      ["presence/subscribe", "uris"],
      ["presence/list", "states"],
    ] as const) {
      const startedAt = performance.now();
      expect(await issuesOf(method, { [name]: elements })).to.deep.equal([
        { path: name, message: "Expected at most 10000 element(s)." },
      ]);
      expect(performance.now() - startedAt).to.be.below(300);
    }
    const { error } = await launch().channel.request("presence/list", { unknown: elements });
    expect(error).to.equal(undefined);
  });

  it("refuses texts longer than any that a host or Webex has", async () => {
    const text = "x".repeat(16_385);
    const cases: [MethodName, object, string[]][] = [
      [
        "authorization/setClient",
        { clientId: text, clientSecret: text },
        ["clientId", "clientSecret"],
      ],
      [
        "authorization/import",
        { refreshToken: text, accessToken: text, scope: text },
        ["refreshToken", "accessToken", "scope"],
      ],
      ["authorization/setProxyPassword", { password: text }, ["password"]],
      ["authorization/setProxyPassword", { password: `${"\n".repeat(300_000)}x` }, ["password"]],
      ["authorization/revoke", { orgId: text }, ["orgId"]],
      ["worker/poll", { orgId: text }, ["orgId"]],
      ["presence/list", { cursor: text, orgId: text }, ["cursor", "orgId"]],
      ["presence/unsubscribe", { subscriptionId: text }, ["subscriptionId"]],
      [
        "initialize",
        {
          protocolVersion: text,
          host: { name: text, version: text },
          attendantConsole: { version: text },
        },
        ["protocolVersion", "host.name", "host.version", "attendantConsole.version"],
      ],
    ];
    for (const [method, params, paths] of cases) {
      const issues = await issuesOf(method, params);
      expect(issues.map(({ path }) => path)).to.deep.equal(paths);
      for (const { message } of issues) {
        expect(message).to.equal("Expected at most 16384 character(s).");
      }
    }
    const { error } = await launch().channel.request("authorization/setClient", {
      clientId: text.slice(1),
      clientSecret: ` ${text.slice(1)}\n`,
    });
    expect(error).to.equal(undefined);
  });
});

describe("rpc: session", () => {
  it("accepts initialize once", async () => {
    const { channel, introductions } = launch();
    const { result } = await channel.request("initialize", {
      protocolVersion: "1.0",
      host: { name: "UCX", version: "2021.Summer.3", licensed: false },
      attendantConsole: { version: "2021.Summer.2" },
      hostPid: 42,
    });
    expect(result).to.deep.equal({
      protocolVersion: "1.1",
      worker: { name: "ucx-webex-presence", version: "1.2.3" },
      capabilities: {
        presence: true,
        subscriptions: true,
        authorization: ["browser", "device", "import"],
        organizations: "multiple",
      },
    });
    expect(introductions).to.deep.equal([
      {
        protocolVersion: "1.0",
        host: { name: "UCX", version: "2021.Summer.3", licensed: false },
        attendantConsole: { version: "2021.Summer.2" },
        hostPid: 42,
      },
    ]);
    const second = await channel.request("initialize", { protocolVersion: "1.0" });
    expect(second.error?.code).to.equal(-32600);
    expect(introductions).to.have.length(1);
  });

  it("accepts any version of its major version; a rejected initialize does not count", async () => {
    for (const protocolVersion of ["1", "1.0", "1.1", "1.0.9", "1.2"]) {
      const { result } = await launch().channel.request("initialize", { protocolVersion });
      expect(result, protocolVersion).to.have.property("protocolVersion", "1.1");
    }
    const { channel, introductions } = launch();
    for (const protocolVersion of ["2.0", "0.9", "10.0", "one", ""]) {
      const { error } = await channel.request("initialize", { protocolVersion });
      const expected = { code: 1002, data: { supported: ["1.0", "1.1"] } };
      expect(error, protocolVersion).to.deep.include(expected);
    }
    const { error } = await channel.request("initialize", { protocolVersion: "1.0" });
    expect(error).to.equal(undefined);
    expect(introductions).to.deep.equal([{ protocolVersion: "1.0" }]);
  });

  it("after shutdown rejects requests, sends no notification and exits with 0", async () => {
    const server = launch();
    const { channel, presence, clock, status, authorization, exits } = server;
    await channel.request("presence/subscribe", { all: true });
    presence.change(presenceRecord("a@x.example", "inactive"));
    status.set({ phase: "polling" });
    expect((await channel.request("shutdown")).result).to.equal(null);
    expect(server.shutdowns).to.equal(1);
    authorization.change(null);
    await clock.advance(5_000);
    expect(channel.notifications).to.deep.equal([]);
    for (const method of ["shutdown", "presence/get", "nothing", "rpc.discover"]) {
      expect((await channel.request(method, { uri: "a" })).error?.code).to.equal(-32600);
    }
    channel.notifyWorker("exit");
    channel.notifyWorker("exit");
    expect(exits).to.deep.equal([0]);
  });

  it("exits also if exit is a request, which it answers", async () => {
    const { channel, exits } = launch();
    await channel.request("shutdown");
    expect(await channel.request("exit", { any: 1 })).to.deep.equal({ result: null });
    expect(await channel.request("exit")).to.deep.equal({ result: null });
    expect(exits).to.deep.equal([0]);
    const withoutShutdown = launch();
    await withoutShutdown.channel.request("exit");
    expect(withoutShutdown.exits).to.deep.equal([1]);
  });

  it("exits with 1 without a shutdown", () => {
    const { channel, exits } = launch();
    channel.notifyWorker("exit");
    expect(exits).to.deep.equal([1]);
  });

  it("ignores unknown notifications, including requests without an id", async () => {
    const server = launch();
    for (const method of ["nothing", "presence/get", "shutdown", "$/setTrace"])
      server.channel.notifyWorker(method, { uri: "a" });
    expect(server.presence.calls).to.deep.equal([]);
    expect(server.shutdowns).to.equal(0);
    const levels = server.logger.records.map(({ level }) => level);
    expect(levels).to.deep.equal(["debug", "debug", "debug", "debug"]);
  });

  it("reports the end of the channel", async () => {
    const { channel, ends, presence, clock } = launch();
    channel.end("inputEnded");
    presence.change(presenceRecord("a@x.example"));
    await clock.advance(1_000);
    expect(ends).to.deep.equal(["inputEnded"]);
    expect(presence.pendingCount).to.equal(1);
  });

  it("answers authorization/begin before the notification about its flow", async () => {
    const { channel, clock } = launch();
    await channel.request("authorization/begin", { method: "browser" }, 7);
    await clock.advance(0);
    expect(channel.order).to.deep.equal([7, "authorization/changed"]);
  });
});

describe("rpc: errors", () => {
  const table: [FaultCode, FaultDetails, number, unknown][] = [
    ["clientNotConfigured", { hint: "h" }, 1101, undefined],
    ["authorizationInProgress", { data: { method: "browser" } }, 1102, { method: "browser" }],
    ["grantRefused", { hint: "h" }, 1103, { hint: "h" }],
    ["unknownOrganization", {}, 1104, undefined],
    ["keychainUnavailable", { hint: "h" }, 1105, { hint: "h" }],
    ["keychainLocked", { hint: "h" }, 1105, { hint: "h" }],
    ["redirectPortInUse", { data: { port: 8467 } }, 1106, { port: 8467 }],
    ["tooManySubscriptions", {}, 1202, undefined],
    ["unknownSubscription", {}, 1201, undefined],
    ["webexUnreachable", {}, 1301, undefined],
    ["webexError", { status: 500, trackingId: "t" }, 1301, undefined],
    ["rateLimited", { status: 429 }, 1301, undefined],
    ["cancelled", {}, -32800, undefined],
    [
      "invalidParams",
      { data: { issues: [{ path: "x", message: "m" }] } },
      -32602,
      { issues: [{ path: "x", message: "m" }] },
    ],
  ];
  for (const [code, details, wireCode, data] of table) {
    it(`${code} becomes ${wireCode}`, async () => {
      const { channel, authorization, presence } = launch();
      authorization.failure = presence.failure = new Fault(code, "Ours.", details);
      const expected = { code: wireCode, message: "Ours.", ...(data !== undefined && { data }) };
      expect((await channel.request("authorization/list")).error).to.deep.equal(expected);
      expect((await channel.request("presence/get", { uri: "a" })).error).to.deep.equal(expected);
    });
  }

  it("responds to any other failure with a correlation id, under which the log has the details", async () => {
    for (const failure of [
      new TypeError("foreign"),
      new Fault("defect", "foreign"),
      new Fault("forbidden", "foreign"),
      "foreign",
      undefined,
    ]) {
      const { channel, authorization, logger } = launch();
      authorization.list = () =>
        Promise.resolve().then(() => {
          throw failure as Error;
        });
      const { error } = await channel.request("authorization/list");
      expect(error?.code).to.equal(-32603);
      expect(JSON.stringify(error)).not.to.contain("foreign");
      const { correlationId } = error!.data as { correlationId: string };
      expect(correlationId).to.match(/^[0-9a-f-]{36}$/);
      expect(logger.records).to.have.length(1);
      expect(logger.records[0]!.fields).to.deep.include({
        correlationId,
        method: "authorization/list",
        error: failure,
      });
    }
  });

  it("cancels a pending query", async () => {
    const { channel } = launch();
    const outcome = channel.request("presence/get", { uri: "a", maxWaitMs: 1_000 }, 3);
    channel.cancel(3);
    expect((await outcome).error?.code).to.equal(-32800);
  });

  it("waits 3 s for presence that has to be fresh, unless told otherwise", async () => {
    const { channel, presence } = launch();
    const answers = [
      channel.request("presence/get", { uri: "a", maxAgeSeconds: 0.5 }),
      channel.request("presence/getMany", { uris: ["a"], maxAgeSeconds: 0, maxWaitMs: 100 }),
      channel.request("presence/get", { uri: "a", maxAgeSeconds: 3_600, maxWaitMs: 0 }, 7),
      channel.request("presence/get", { uri: "a" }),
      channel.request("presence/subscribe", { uris: ["a"], maxAgeSeconds: "ignored" }),
    ];
    expect(presence.calls).to.deep.equal([
      { get: ["a"], maxWaitMs: 3_000, maxAgeSeconds: 0.5 },
      { get: ["a"], maxWaitMs: 100, maxAgeSeconds: 0 },
      { get: ["a"], maxWaitMs: 0, maxAgeSeconds: 3_600 },
      { get: ["a"], maxWaitMs: 0 },
      { subscribe: { uris: ["a"] } },
    ]);
    for (const answer of answers.slice(2)) expect((await answer).error).to.equal(undefined);
  });

  it("cancels a query that waits for fresh presence", async () => {
    const { channel } = launch();
    const outcome = channel.request("presence/get", { uri: "a", maxAgeSeconds: 0 }, 3);
    channel.cancel(3);
    expect((await outcome).error?.code).to.equal(-32800);
  });

  it("answers a pending query when its result is available", async () => {
    const { channel, presence } = launch();
    const outcome = channel.request("presence/getMany", { uris: ["a", "b"], maxWaitMs: 1_000 });
    presence.release();
    expect(((await outcome).result as { records: unknown[] }).records).to.have.length(2);
  });
});
