import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { approveDevice, consent } from "../../simulator/administrator.js";
import type { Knobs } from "../../simulator/knobs.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";

const SCOPES = "spark-admin:people_read spark-admin:organizations_read";
const VERIFIER = "a-verifier-that-is-at-least-forty-three-characters-long";

interface Answer {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  scope?: string;
  error?: string;
  message?: string;
  errors?: { description: string }[];
  trackingId?: string;
}

describe("simulator: OAuth", () => {
  let webex: WebexSimulator;
  let callback: Server;
  let redirectUri: string;
  let time: number;

  beforeEach(async () => {
    time = Date.now();
    callback = createServer((_, response) => response.end("back"));
    await new Promise<void>((resolve) => callback.listen(0, "127.0.0.1", resolve));
    redirectUri = `http://localhost:${(callback.address() as AddressInfo).port}/oauth/callback`;
    webex = new WebexSimulator({
      organizations: [
        { name: "Acme", persons: 3 },
        { name: "Globex", persons: 3 },
      ],
      client: { redirectUris: [redirectUri] },
      now: () => time,
    });
    await webex.start();
  });
  afterEach(async () => {
    await webex.stop();
    callback.closeAllConnections();
    await new Promise((resolve) => callback.close(resolve));
  });

  function authorizeUrl(changes: Record<string, string> = {}): string {
    const challenge = createHash("sha256").update(VERIFIER).digest("base64url");
    const query = {
      response_type: "code",
      client_id: webex.client.clientId,
      redirect_uri: redirectUri,
      scope: SCOPES,
      state: "s t",
    };
    return `${webex.apiUrl}/authorize?${new URLSearchParams({ ...query, code_challenge: challenge, code_challenge_method: "S256", ...changes }).toString()}`;
  }
  const post = (path: string, form: Record<string, string>, basic = false): Promise<Response> =>
    fetch(`${webex.url}${path}`, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: basic
        ? {
            authorization: `Basic ${btoa(`${webex.client.clientId}:${webex.client.clientSecret}`)}`,
          }
        : {},
    });
  const credentials = (): Record<string, string> => ({
    client_id: webex.client.clientId,
    client_secret: webex.client.clientSecret,
  });
  async function requestCode(choice: Parameters<typeof consent>[1] = {}): Promise<string> {
    const outcome = await consent(authorizeUrl(), choice);
    expect(outcome.text).to.equal("back");
    return new URL(outcome.redirectedTo!).searchParams.get("code")!;
  }
  const exchange = (code: string, changes: Record<string, string> = {}): Promise<Response> =>
    post("/v1/access_token", {
      ...credentials(),
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri,
      code_verifier: VERIFIER,
      ...changes,
    });
  const refresh = (refreshToken: string): Promise<Response> =>
    post("/v1/access_token", {
      ...credentials(),
      grant_type: "refresh_token",
      refresh_token: refreshToken,
    });
  const fetchPeople = (token: string): Promise<Response> =>
    fetch(`${webex.apiUrl}/people`, { headers: { authorization: `Bearer ${token}` } });

  it("shows a consent page with test ids and without scripts", async () => {
    const page = await (await fetch(authorizeUrl())).text();
    for (const id of [
      "consent-page",
      "consent-admin",
      "consent-accept",
      "consent-decline",
      "consent-wrong-scope",
      "consent-blocked",
    ]) {
      expect(page).to.contain(`data-testid="${id}"`);
    }
    expect(page).not.to.contain("<script");
    expect(page).to.contain('<option value="1:user">');
  });

  it("issues a code with the state, and exchanges it for tokens once", async () => {
    const outcome = await consent(authorizeUrl(), { orgIndex: 1 });
    const query = new URL(outcome.redirectedTo!).searchParams;
    expect(query.get("state")).to.equal("s t");
    const tokens = (await (await exchange(query.get("code")!)).json()) as Answer;
    expect(tokens).to.include({
      expires_in: 1_209_599,
      refresh_token_expires_in: 7_775_999,
      token_type: "Bearer",
      scope: SCOPES,
    });
    const me = await fetch(`${webex.apiUrl}/people/me`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(await me.json()).to.include({ orgId: webex.organizations[1]!.id });
    expect((await exchange(query.get("code")!)).status).to.equal(400);
    for (const secret of [
      query.get("code")!,
      tokens.access_token,
      tokens.refresh_token,
      webex.client.clientSecret,
    ]) {
      expect(webex.issuedSecrets.has(secret)).to.equal(true);
    }
  });

  it("checks the secret, the redirect URI, PKCE and the age of the code", async () => {
    expect((await exchange(await requestCode(), { client_secret: "wrong" })).status).to.equal(401);
    expect((await exchange(await requestCode(), { code_verifier: "wrong" })).status).to.equal(400);
    expect(
      (await exchange(await requestCode(), { redirect_uri: "http://localhost:1/" })).status,
    ).to.equal(400);
    const expiredCode = await requestCode();
    time += 301_000;
    expect((await exchange(expiredCode)).status).to.equal(400);
  });

  it("reports an invalid client or redirect URI on its own page, and other errors to the redirect URI", async () => {
    const tokens = (changes: Record<string, string>): Promise<Response> =>
      fetch(authorizeUrl(changes), { redirect: "manual" });
    expect((await tokens({ client_id: "nobody" })).status).to.equal(400);
    expect((await tokens({ redirect_uri: `${redirectUri}/other` })).status).to.equal(400);
    const error = async (changes: Record<string, string>): Promise<string | null> =>
      new URL((await tokens(changes)).headers.get("location")!).searchParams.get("error");
    expect(await error({ scope: "spark:all" })).to.equal("invalid_scope");
    expect(await error({ code_challenge_method: "plain" })).to.equal("invalid_request");
    expect(await error({ response_type: "token" })).to.equal("unsupported_response_type");
  });

  it("redirects if declined, but not if Control Hub blocks the integration", async () => {
    const error = async (
      decision: "decline" | "wrongScope" | "serverError",
    ): Promise<string | null> =>
      new URL((await consent(authorizeUrl(), { decision })).redirectedTo!).searchParams.get(
        "error",
      );
    expect(await error("decline")).to.equal("access_denied");
    expect(await error("wrongScope")).to.equal("invalid_scope");
    expect(await error("serverError")).to.equal("server_error");
    const blocked = await consent(authorizeUrl(), { decision: "blocked" });
    expect(blocked.redirectedTo).to.equal(null);
    expect(blocked.text).to.contain("Access denied");
    webex.set({ integrationBlocked: true });
    expect((await consent(authorizeUrl())).text).to.contain('data-testid="access-denied"');
  });

  it("refreshes: the old access token stays valid, and the refresh token's lifetime restarts", async () => {
    const grant = webex.issueGrant();
    time += 7_000_000_000;
    const tokens = (await (await refresh(grant.refreshToken)).json()) as Answer;
    expect(tokens.refresh_token).to.equal(grant.refreshToken);
    time += 1000;
    const second = (await (await refresh(grant.refreshToken)).json()) as Answer;
    expect(second.access_token).not.to.equal(tokens.access_token);
    expect([
      (await fetchPeople(tokens.access_token)).status,
      (await fetchPeople(second.access_token)).status,
    ]).to.deep.equal([200, 200]);
    time += 7_000_000_000;
    expect((await refresh(grant.refreshToken)).status).to.equal(200);
    time += 7_776_000_000;
    expect((await refresh(grant.refreshToken)).status).to.equal(400);
  });

  it("can reuse access tokens, rotate refresh tokens, omit the scope and shorten lifetimes", async () => {
    webex.set({ sameAccessToken: true, accessTokenSeconds: 3600, scopeInAnswer: false });
    const grant = webex.issueGrant();
    time += 600_000;
    const reused = (await (await refresh(grant.refreshToken)).json()) as Answer;
    expect(reused).to.include({ access_token: grant.accessToken, expires_in: 3000 });
    expect(reused).not.to.have.property("scope");
    webex.set({ refreshTokenInAnswer: false });
    expect(await (await refresh(grant.refreshToken)).json()).not.to.have.any.keys(
      "refresh_token",
      "refresh_token_expires_in",
    );
    webex.set({ rotateRefreshToken: true });
    const rotated = (await (await refresh(grant.refreshToken)).json()) as Answer;
    expect(rotated.refresh_token).not.to.equal(grant.refreshToken);
    expect((await refresh(grant.refreshToken)).status).to.equal(400);
    time += 3_600_000;
    expect((await fetchPeople(grant.accessToken)).status).to.equal(401);
    expect((await refresh(rotated.refresh_token)).status).to.equal(200);
  });

  it("rejects an invalid refresh token in each form", async () => {
    const grant = webex.issueGrant();
    webex.endGrants();
    expect((await fetchPeople(grant.accessToken)).status).to.equal(401);
    expect(webex.isRefreshTokenValid(grant.refreshToken)).to.equal(false);
    for (const form of [
      "invalid_grant",
      "invalid_request",
      "webex",
    ] as Knobs["deadRefreshTokenForm"][]) {
      webex.set({ deadRefreshTokenForm: form });
      const response = await refresh(grant.refreshToken);
      const body = (await response.json()) as Answer;
      expect(response.status).to.equal(400);
      if (form === "webex") expect(body).to.have.all.keys("message", "errors", "trackingId");
      else expect(body.error).to.equal(form);
    }
    const other = webex.issueGrant();
    webex.set({ integrationBlocked: true });
    expect((await refresh(other.refreshToken)).status).to.equal(400);
  });

  it("limits tokens per user", async () => {
    webex.set({ tokensPerUser: 1 });
    expect((await exchange(await requestCode())).status).to.equal(200);
    expect(((await (await exchange(await requestCode())).json()) as Answer).error).to.equal(
      "tokenlimit_reached",
    );
    expect((await exchange(await requestCode({ role: "user" }))).status).to.equal(200);
  });

  it("revokes a grant by its refresh token, with Basic authentication only", async () => {
    const grant = webex.issueGrant();
    expect(
      (await post("/idb/oauth2/v1/revoke", { token: grant.refreshToken, ...credentials() })).status,
    ).to.equal(401);
    expect(
      (
        await post(
          "/idb/oauth2/v1/revoke",
          { token: grant.refreshToken, token_type_hint: "refresh_token" },
          true,
        )
      ).status,
    ).to.equal(200);
    expect((await fetchPeople(grant.accessToken)).status).to.equal(401);
    expect((await post("/idb/oauth2/v1/revoke", { token: "unknown" }, true)).status).to.equal(200);
  });

  describe("device flow", () => {
    interface Device {
      device_code: string;
      user_code: string;
      verification_uri: string;
      verification_uri_complete: string;
      interval: number;
      expires_in: number;
    }
    const begin = async (): Promise<Device> =>
      (
        await post("/v1/device/authorize", { client_id: webex.client.clientId, scope: SCOPES })
      ).json() as Promise<Device>;
    const poll = async (device: Device): Promise<{ status: number; body: Answer }> => {
      const grantType = "urn:ietf:params:oauth:grant-type:device_code";
      const form = {
        grant_type: grantType,
        device_code: device.device_code,
        client_id: webex.client.clientId,
      };
      const response = await post("/v1/device/token", form, true);
      return { status: response.status, body: (await response.json()) as Answer };
    };

    const errorCode = ({ errors }: Answer): string | undefined => errors?.[0]?.description;

    it("is pending in either form, rejects fast polls, and issues tokens once", async () => {
      const device = await begin();
      expect(device).to.include({ interval: 2, expires_in: 300 });
      expect(device.user_code).to.match(/^\d{6}$/);
      const pending = await poll(device);
      expect(pending.status).to.equal(428);
      expect(pending.body).to.have.all.keys("message", "errors", "trackingId");
      expect(errorCode(pending.body)).to.equal("authorization_pending");
      const tooFast = await poll(device);
      expect([tooFast.status, errorCode(tooFast.body)]).to.deep.equal([400, "slow_down"]);
      webex.set({ deviceTooFastForm: "429" });
      expect((await poll(device)).status).to.equal(429);
      webex.set({ devicePendingForm: "authorization_pending" });
      time += 2000;
      const stillPending = await poll(device);
      expect([stillPending.status, errorCode(stillPending.body)]).to.deep.equal([
        400,
        "authorization_pending",
      ]);
      expect(await (await fetch(device.verification_uri_complete)).text()).to.contain(
        device.user_code,
      );
      expect((await approveDevice(device.verification_uri, device.user_code)).text).to.contain(
        'data-testid="device-done"',
      );
      time += 2000;
      const done = await poll(device);
      expect((await fetchPeople(done.body.access_token)).status).to.equal(200);
      expect((await poll(device)).status).to.equal(400);
    });

    it("sends RFC 8628's form of errors if told to", async () => {
      webex.set({ deviceErrorForm: "oauth" });
      const device = await begin();
      expect(await poll(device)).to.deep.include({
        status: 428,
        body: {
          error: "authorization_pending",
          error_description: "The authorization is still pending.",
        },
      });
      expect((await poll(device)).body.error).to.equal("slow_down");
    });

    it("can be declined, blocked, or expire", async () => {
      const declined = await begin();
      await approveDevice(declined.verification_uri, declined.user_code, { decision: "decline" });
      expect(errorCode((await poll(declined)).body)).to.equal("access_denied");
      const blocked = await begin();
      expect(
        (await approveDevice(blocked.verification_uri, blocked.user_code, { decision: "blocked" }))
          .text,
      ).to.contain("Access denied");
      expect((await poll(blocked)).status).to.equal(428);
      time += 301_000;
      expect(errorCode((await poll(blocked)).body)).to.equal("expired_token");
      expect((await approveDevice(blocked.verification_uri, blocked.user_code)).status).to.equal(
        400,
      );
      expect(
        (
          await post("/v1/device/authorize", {
            client_id: webex.client.clientId,
            scope: "spark:all",
          })
        ).status,
      ).to.equal(400);
    });
  });
});
