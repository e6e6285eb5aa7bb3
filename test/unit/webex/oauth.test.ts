import { expect } from "chai";
import { inspect } from "node:util";

import { Secret } from "../../../src/faults/secret.js";
import { createOAuthApi, type OAuthApi, webexEndpoints } from "../../../src/webex/oauth.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp, type ScriptedResponse } from "../../support/http-fake.js";
import { API, never, type Replies, restOptions } from "../../support/webex-harness.js";

const CLIENT = { clientId: "C:1 é", clientSecret: new Secret("s+e/c r€t") };
/** RFC 6749 2.3.1: form-encoded, joined, base64. */
const BASIC = `Basic ${Buffer.from("C%3A1+%C3%A9:s%2Be%2Fc+r%E2%82%ACt").toString("base64")}`;
const REFRESH = new Secret("refresh-secret");
const DEVICE = new Secret("device-secret");
const TOKENS = {
  access_token: "AT",
  expires_in: 1209599,
  refresh_token: "RT",
  refresh_token_expires_in: 7775999,
  token_type: "Bearer",
  scope: "spark-admin:people_read spark-admin:organizations_read",
};

const oauthOver = (replies: Replies): OAuthApi => createOAuthApi(restOptions(replies));
const refreshWith = (reply: ScriptedResponse) => oauthOver([reply]).refresh(CLIENT, REFRESH, never);
const pollWith = (reply: ScriptedResponse) =>
  oauthOver([reply]).pollDeviceToken(CLIENT, DEVICE, never);
const sentForm = (http: ScriptedHttp): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(http.requests[0]?.body));

describe("webexEndpoints", () => {
  it("returns Cisco's endpoints for Cisco's ApiUrl", () => {
    expect(webexEndpoints(API)).to.deep.equal({
      authorize: "https://webexapis.com/v1/authorize",
      token: "https://webexapis.com/v1/access_token",
      deviceAuthorize: "https://webexapis.com/v1/device/authorize",
      deviceToken: "https://webexapis.com/v1/device/token",
      revoke: "https://idbroker.webex.com/idb/oauth2/v1/revoke",
    });
  });

  it("returns endpoints with the origin of any other ApiUrl", () => {
    const endpoints = webexEndpoints("http://localhost:9000/sim/v1");
    expect(endpoints.token).to.equal("http://localhost:9000/sim/v1/access_token");
    expect(endpoints.revoke).to.equal("http://localhost:9000/idb/oauth2/v1/revoke");
  });
});

describe("OAuthApi", () => {
  it("builds the URL of the consent page", () => {
    const url = oauthOver([]).authorizeUrl({
      clientId: "C&1",
      redirectUri: "http://localhost:8467/oauth/callback",
      scope: "spark-admin:people_read spark-admin:organizations_read",
      state: "st",
      codeChallenge: "ch",
    });
    expect(url).to.equal(
      "https://webexapis.com/v1/authorize?response_type=code&client_id=C%261&redirect_uri=http%3A%2F%2Flocalhost%3A8467%2Foauth%2Fcallback" +
        "&scope=spark-admin%3Apeople_read%20spark-admin%3Aorganizations_read&state=st&code_challenge=ch&code_challenge_method=S256",
    );
  });

  it("exchanges a code, with the secret and the verifier", async () => {
    const http = new ScriptedHttp([{ body: TOKENS }]);
    const grant = {
      code: new Secret("co de"),
      redirectUri: "http://localhost:8467/oauth/callback",
      codeVerifier: new Secret("ver"),
    };
    const response = await oauthOver(http).exchangeCode(CLIENT, grant, never);
    expect(http.requests[0]).to.include({
      method: "POST",
      url: `${API}/access_token`,
      timeoutMs: 30_000,
    });
    expect(http.requests[0]?.headers).to.deep.equal({
      Accept: "application/json",
      "Content-Type": "application/x-www-form-urlencoded",
      "User-Agent": "ucx-webex-presence/1.2.3",
    });
    expect(sentForm(http)).to.deep.equal({
      grant_type: "authorization_code",
      code: "co de",
      redirect_uri: "http://localhost:8467/oauth/callback",
      code_verifier: "ver",
      client_id: "C:1 é",
      client_secret: "s+e/c r€t",
    });
    expect([response.accessToken.reveal(), response.refreshToken?.reveal()]).to.deep.equal([
      "AT",
      "RT",
    ]);
    expect([response.expiresInSeconds, response.refreshTokenExpiresInSeconds]).to.deep.equal([
      1209599, 7775999,
    ]);
    expect(response.scopes).to.deep.equal([
      "spark-admin:people_read",
      "spark-admin:organizations_read",
    ]);
  });

  it("refreshes, and returns null for members that Webex did not send", async () => {
    const http = new ScriptedHttp([{ body: { access_token: "AT" } }]);
    const response = await oauthOver(http).refresh(CLIENT, REFRESH, never);
    expect(sentForm(http)).to.include({
      grant_type: "refresh_token",
      refresh_token: "refresh-secret",
    });
    expect(response).to.deep.include({
      expiresInSeconds: null,
      refreshToken: null,
      refreshTokenExpiresInSeconds: null,
      scopes: null,
    });
  });

  it("shows a person no address that is not that of a web page", async () => {
    const device = { device_code: "DC", user_code: "1", verification_uri: "https://v.example/" };
    const begin = (body: object) => oauthOver([{ body }]).authorizeDevice(CLIENT, "s", never);
    for (const address of [
      "https://v.example:8443/device?code=1",
      "http://127.0.0.1:8080/device",
      "http://localhost/device",
      "http://[::1]/device",
    ])
      expect(await begin({ ...device, verification_uri: address })).to.include({
        verificationUri: address,
      });
    for (const address of [
      "javascript:alert(1)//https://v.example/",
      "file:///etc/passwd",
      "data:text/html,x",
      "http://v.example/",
      "http://127.0.0.1.example/",
      "https://user:password@v.example/",
      "https://v.example/\u001b]8;;",
      "https://v.example/\u202e",
      "https://v.example/ x",
      "https:\\\\v.example",
      "v.example",
      `https://v.example/${"x".repeat(2_048)}`,
    ])
      for (const name of ["verification_uri", "verification_uri_complete"]) {
        const fault = await faultOf(begin({ ...device, [name]: address }));
        expect([fault.code, fault.message.includes("not the address")], address).to.deep.equal([
          "webexError",
          true,
        ]);
      }
    for (const code of ["x".repeat(65), "1\u001b[31m", "1\n2"])
      expect((await faultOf(begin({ ...device, user_code: code }))).code).to.equal("webexError");
  });

  it("accepts lifetimes as strings and ignores invalid ones", async () => {
    const body = {
      access_token: "AT",
      expires_in: "3600",
      refresh_token: 5,
      refresh_token_expires_in: -1,
      scope: " ",
    };
    const response = await refreshWith({ body });
    expect(response).to.deep.include({
      expiresInSeconds: 3600,
      refreshToken: null,
      refreshTokenExpiresInSeconds: null,
      scopes: null,
    });
  });

  for (const body of [{}, { access_token: "" }, { access_token: 1 }, "<html>", "", "[]"]) {
    it(`rejects the tokens ${JSON.stringify(body)}`, async () => {
      const fault = await faultOf(refreshWith({ body }));
      expect(fault.code).to.equal("webexError");
    });
  }

  it("begins a device flow", async () => {
    const body = {
      device_code: "DC",
      expires_in: 300,
      user_code: "729703",
      verification_uri: "https://v",
      verification_uri_complete: "https://v?c",
      interval: 2,
    };
    const http = new ScriptedHttp([{ body }]);
    const code = await oauthOver(http).authorizeDevice(CLIENT, "a b", never);
    expect(http.requests[0]?.url).to.equal(`${API}/device/authorize`);
    expect(sentForm(http)).to.deep.equal({ client_id: "C:1 é", scope: "a b" });
    expect(code.deviceCode.reveal()).to.equal("DC");
    expect(code).to.include({
      userCode: "729703",
      verificationUri: "https://v",
      verificationUriComplete: "https://v?c",
    });
    expect(code).to.include({ expiresInSeconds: 300, intervalSeconds: 2 });
  });

  it("uses the defaults of RFC 8628 for members that Webex did not send", async () => {
    const body = { device_code: "DC", user_code: 729703, verification_uri: "https://v" };
    const code = await oauthOver([{ body }]).authorizeDevice(CLIENT, "a", never);
    expect(code).to.include({
      userCode: "729703",
      verificationUriComplete: null,
      expiresInSeconds: 300,
      intervalSeconds: 5,
    });
  });

  it("limits a device code to one day, and its interval to its lifetime", async () => {
    const body = { device_code: "DC", user_code: "1", verification_uri: "https://v" };
    const unusual: [object, object][] = [
      [{ expires_in: 1e15 }, { expiresInSeconds: 86_400, intervalSeconds: 5 }],
      [
        { expires_in: 300, interval: 1e15 },
        { expiresInSeconds: 300, intervalSeconds: 5 },
      ],
      [
        { expires_in: -1, interval: -1 },
        { expiresInSeconds: 300, intervalSeconds: 5 },
      ],
      [
        { expires_in: 1.5, interval: 0.5 },
        { expiresInSeconds: 1.5, intervalSeconds: 0.5 },
      ],
    ];
    for (const [overrides, expected] of unusual) {
      const http = new ScriptedHttp([{ body: { ...body, ...overrides } }]);
      expect(await oauthOver(http).authorizeDevice(CLIENT, "a", never)).to.include(expected);
    }
  });

  it("polls a device flow with client authentication", async () => {
    const http = new ScriptedHttp([{ body: TOKENS }]);
    const poll = await oauthOver(http).pollDeviceToken(CLIENT, DEVICE, never);
    expect(poll.kind).to.equal("authorized");
    expect(http.requests[0]?.url).to.equal(`${API}/device/token`);
    expect(http.requests[0]?.headers.Authorization).to.equal(BASIC);
    expect(sentForm(http)).to.deep.equal({
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: "device-secret",
      client_id: "C:1 é",
    });
  });

  const polls: [ScriptedResponse, string][] = [
    [{ status: 428 }, "pending"],
    [
      {
        status: 428,
        body: {
          message: "Precondition required",
          errors: [{ description: "authorization_pending" }],
        },
      },
      "pending",
    ],
    [{ status: 428, body: { errors: [{ description: "slow_down" }] } }, "slowDown"],
    [{ status: 400, body: { error: "authorization_pending" } }, "pending"],
    [{ status: 400, body: { message: "The request is authorization_pending." } }, "pending"],
    [{ status: 400, body: { error: "slow_down" } }, "slowDown"],
    [{ status: 429, headers: { "Retry-After": "0" } }, "slowDown"],
    [{ status: 400, body: { error: "access_denied" } }, "denied"],
    [{ status: 403, body: { error: "access_denied", error_description: "no" } }, "denied"],
    [{ status: 400, body: { error: "expired_token" } }, "expired"],
  ];
  for (const [response, kind] of polls) {
    it(`maps ${response.status ?? 200} ${JSON.stringify(response.body ?? "")} of a device flow to ${kind}`, async () => {
      expect((await pollWith(response)).kind).to.equal(kind);
    });
  }

  for (const [status, code] of [
    [400, "grantRefused"],
    [401, "grantRefused"],
    [500, "webexError"],
    [302, "webexError"],
    [404, "webexError"],
  ] as const) {
    it(`ends a device flow with ${code} at ${status}`, async () => {
      const response = { status, body: { message: "No." } };
      expect((await faultOf(pollWith(response))).code).to.equal(code);
    });

    it(`does not end a device flow at ${status} that is not Webex's own`, async () => {
      const fault = await faultOf(pollWith({ status, body: "<html>access_denied</html>" }));
      expect(fault.kind).to.equal("transient");
    });
  }

  it("revokes at the identity broker with client authentication", async () => {
    const http = new ScriptedHttp([{ status: 200 }]);
    await oauthOver(http).revoke(CLIENT, REFRESH, never);
    expect(http.requests[0]?.url).to.equal("https://idbroker.webex.com/idb/oauth2/v1/revoke");
    expect(http.requests[0]?.headers.Authorization).to.equal(BASIC);
    expect(sentForm(http)).to.deep.equal({
      token: "refresh-secret",
      token_type_hint: "refresh_token",
    });
  });

  const webexError = (message: string): object => ({
    message,
    errors: [{ description: message }],
    trackingId: "NA_1-2",
  });
  const refusals: [ScriptedResponse, string, string | undefined][] = [
    [
      { status: 400, body: { error: "invalid_grant", error_description: "Dead." } },
      "grantRefused",
      "invalid_grant",
    ],
    [
      { status: 400, body: { error: "invalid_request", error_description: "Dead." } },
      "grantRefused",
      "invalid_request",
    ],
    [
      {
        status: 400,
        body: webexError("The refresh token provided is expired, revoked, malformed or invalid."),
      },
      "grantRefused",
      undefined,
    ],
    [{ status: 400, body: webexError("tokenlimit_reached") }, "grantRefused", "tokenlimit_reached"],
    [{ status: 400, body: { error: "something_of_their_own" } }, "grantRefused", undefined],
    [{ status: 400, body: "<html>" }, "webexError", undefined],
    [{ status: 400 }, "webexError", undefined],
    [{ status: 401, body: { error: "invalid_client" } }, "grantRefused", "invalid_client"],
    [{ status: 401, body: webexError("Unauthorized.") }, "grantRefused", undefined],
    [{ status: 401 }, "webexError", undefined],
    [{ status: 403, body: webexError("The integration is blocked.") }, "grantRefused", undefined],
    [{ status: 403, body: "<html>Blocked by the firewall</html>" }, "webexError", undefined],
    [{ status: 302, headers: { Location: "https://evil.example/" } }, "webexError", undefined],
    [{ status: 404, body: webexError("Not found.") }, "webexError", undefined],
    [
      {
        status: 429,
        headers: { "Retry-After": "rand(30),add(30)" },
        body: webexError("Too many."),
      },
      "rateLimited",
      undefined,
    ],
    [{ status: 423, headers: { "Retry-After": "5" } }, "rateLimited", undefined],
    [{ status: 500, body: webexError("Oops.") }, "webexError", undefined],
    [{ status: 502, body: "<html><h1>502 Bad Gateway</h1></html>" }, "webexError", undefined],
    [{ status: 503, body: "" }, "webexError", undefined],
    [{ status: 504 }, "webexError", undefined],
  ];
  for (const [response, code, error] of refusals) {
    it(`maps ${response.status ?? 200} ${JSON.stringify(response.body ?? "")} to ${code}${error === undefined ? "" : ` (${error})`}`, async () => {
      const http = new ScriptedHttp([response]);
      const fault = await faultOf(oauthOver(http).refresh(CLIENT, REFRESH, never));
      expect([fault.code, fault.status, fault.data.error]).to.deep.equal([
        code,
        response.status,
        error,
      ]);
      expect(http.requests).to.have.length(1);
    });
  }

  it("exposes no secret of the request, even if Webex echoes it", async () => {
    const body = {
      error: "invalid_grant",
      error_description: "Token refresh-secret of client s+e/c r€t is dead",
    };
    const fault = await faultOf(refreshWith({ status: 400, body }));
    expect(fault.message).to.contain("is dead");
    expect(inspect(fault, { depth: 10, showHidden: true })).not.to.match(/refresh-secret|s\+e/);
  });

  it("sends no request that is already cancelled", async () => {
    const http = new ScriptedHttp([]);
    const fault = await faultOf(oauthOver(http).refresh(CLIENT, REFRESH, AbortSignal.abort()));
    expect([fault.code, http.requests.length]).to.deep.equal(["cancelled", 0]);
  });
});
