import { expect } from "chai";

import {
  RecordingFront,
  RecordingListener,
  type RecordedRequest,
} from "../support/recording-front-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const TOKEN_PATHS = ["/v1/access_token", "/v1/device/token"];
const REVOKE_PATH = "/idb/oauth2/v1/revoke";

describe("e2e: where the worker sends tokens and the client secret", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;
  let front: RecordingFront;
  let foreign: RecordingListener;

  beforeEach(async () => {
    foreign = await RecordingListener.start();
    harness = await WorkerHarness.start({ speed: 0 });
    front = await RecordingFront.start(harness.webex.apiUrl);
    await harness.writeSettings(1, lines());
    await harness.waitFor("settings", async () => ((await harness.status()).enabled ? true : null));
    await harness.authorize();
    await harness.waitForSweep();
  });
  afterEach(async () => {
    try {
      expectSecretsAtTheirPlaces();
    } finally {
      await harness.stop();
      front.stop();
      foreign.stop();
    }
  });

  const lines = (port = front.port): string[] => [
    `WebexPresence.ApiUrl=http://127.0.0.1:${port}/v1`,
    "WebexPresence.RequestsPerMinute=600",
  ];
  const basic = (): string => {
    const { clientId, clientSecret } = harness.webex.client;
    return Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
  };

  function expectSecretsAtTheirPlaces(): void {
    const { clientSecret } = harness.webex.client;
    const secrets = [...harness.webex.issuedSecrets, clientSecret, basic()];
    for (const secret of secrets) expect(foreign.received).to.not.include(secret);
    for (const { method, target, headers, body } of front.requests) {
      const path = target.replace(/\?.*/s, "");
      const { authorization = "", host, ...others } = headers;
      const where = `${method} ${path}`;
      expect(host, where).to.equal(`127.0.0.1:${front.port}`);
      for (const secret of secrets) {
        expect(target.includes(secret), where).to.equal(false);
        expect(JSON.stringify(others).includes(secret), where).to.equal(false);
      }
      if (authorization.startsWith("Bearer ")) {
        expect(method).to.equal("GET");
        expect(path).to.match(/^\/v1\/(people|organizations)/);
      } else if (authorization !== "") {
        expect([...TOKEN_PATHS, REVOKE_PATH], where).to.include(path);
      }
      if (secrets.some((secret) => body.includes(encodeURIComponent(secret))))
        expect([...TOKEN_PATHS, REVOKE_PATH], where).to.include(path);
    }
  }

  /** Targets of a link or a redirect that lead elsewhere, or seem to. */
  const targets = (): string[] => {
    const [here, there] = [`127.0.0.1:${front.port}`, `127.0.0.1:${foreign.port}`];
    return [
      `http://${there}/v1/people`,
      `//${there}/v1/people`,
      `\\\\${there}\\v1\\people`,
      `/\\${there}/v1/people`,
      `http:\\\\${there}/v1/people`,
      `http://${here}@${there}/v1/people`,
      `http://${here}%40${there}/v1/people`,
      `http://somebody:secret@${here}/v1/people`,
      `http://@${there}/v1/people`,
      `http://LOCALHOST:${front.port}/v1/people`,
      `http://localhost.:${front.port}/v1/people`,
      `http://2130706433:${foreign.port}/v1/people`,
      `https://${here}/v1/people`,
      `wss://${there}/v1/people`,
      "file:///etc/passwd",
      "http://[",
    ];
  };

  it("follows no redirect of the API to another server, however it is written", async () => {
    for (const [index, location] of targets().entries()) {
      const mark = front.requests.length;
      const status = [301, 302, 303, 307, 308][index % 5]!;
      front.override = ({ headers }) =>
        (headers.authorization ?? "").startsWith("Bearer ")
          ? { status, headers: { location } }
          : null;
      const { orgId: _orgId, ...grant } = harness.webex.issueGrant();
      const error = await harness.host
        .request("authorization/import", grant)
        .catch((thrown: unknown) => thrown);
      expect(error, location).to.be.instanceOf(Error);
      expect(front.requests.length, location).to.be.greaterThan(mark);
    }
    front.override = () => null;
    expect(foreign.connections).to.equal(0);
  });

  it("follows no link to the next page on another server", async () => {
    const isList = (request: RecordedRequest): boolean =>
      /^\/v1\/people\?(?!.*email=)/.test(request.target);
    // Those that a parser of links might take for one of the same server. Each costs a sweep.
    for (const target of targets().slice(3, 6)) {
      const mark = front.requests.length;
      front.override = (request) =>
        isList(request) ? { headers: { link: `<${target}>; rel="next"` } } : null;
      await harness.host.request("worker/poll", {});
      await harness.waitFor(
        `a list with a link to ${target}`,
        () => (front.requests.slice(mark).some(isList) ? true : null),
        10_000,
      );
    }
    // The failure of the last one is reported, so its link has been read.
    await harness.waitFor("a problem", async () =>
      (await harness.status()).problems.some(({ message }) => message.includes("another server"))
        ? true
        : null,
    );
    expect(foreign.connections).to.equal(0);
  });

  it("sends refresh token and client secret to no server that an endpoint redirects to", async () => {
    const [person] = harness.webex.people();
    const isToken = ({ target }: RecordedRequest): boolean =>
      [...TOKEN_PATHS, "/v1/device/authorize", REVOKE_PATH].includes(target.replace(/\?.*/s, ""));
    for (const [index, location] of targets().entries()) {
      const status = [301, 302, 303, 307, 308][index % 5]!;
      front.override = (request) => (isToken(request) ? { status, headers: { location } } : null);
      const mark = front.requests.length;
      harness.webex.expireAccessTokens();
      await harness.decide(person!.emails[0]!, { maxWaitMs: 300 });
      const { orgId: _orgId, ...grant } = harness.webex.issueGrant();
      const { accessToken: _access, ...withoutAccess } = grant;
      for (const [method, params] of [
        ["authorization/import", withoutAccess],
        ["authorization/begin", { method: "device" }],
      ] as const)
        await harness.host.request(method, params).catch(() => undefined);
      expect(front.requests.slice(mark).filter(isToken).length, location).to.be.greaterThan(1);
    }
    const [{ id } = { id: "" }] = harness.webex.organizations;
    const revoked = await harness.host.request("authorization/revoke", { orgId: id });
    expect(revoked).to.deep.equal({ revokedAtWebex: false });
    expect(foreign.connections).to.equal(0);
  });

  it("sends nothing of a grant to a server that ApiUrl names later", async () => {
    await harness.writeSettings(1, lines(foreign.port));
    await harness.waitFor("the other address", async () =>
      JSON.stringify((await harness.status()).settings).includes(`:${foreign.port}/`) ? true : null,
    );
    const [person] = harness.webex.people();
    await harness.decide(person!.emails[0]!, { maxWaitMs: 500 });
    await harness.host.request("worker/poll", {}).catch(() => undefined);
    const [{ id } = { id: "" }] = harness.webex.organizations;
    const revoked = await harness.host.request("authorization/revoke", { orgId: id });
    expect(revoked).to.deep.equal({ revokedAtWebex: false });
    expect(foreign.received).to.equal("");
  });

  it("revokes a grant at the address for revoking, and nowhere else", async () => {
    const [{ id } = { id: "" }] = harness.webex.organizations;
    const mark = front.requests.length;
    const revoked = await harness.host.request("authorization/revoke", { orgId: id });
    expect(revoked).to.deep.equal({ revokedAtWebex: true });
    const posts = front.requests.slice(mark).filter(({ method }) => method === "POST");
    expect(posts.map(({ target }) => target)).to.deep.equal([REVOKE_PATH]);
  });
});
