import { randomInt } from "node:crypto";
import { accessDeniedPage, consentPage, messagePage, readLogin, type Login } from "./consent-page.js";
import { htmlReply, jsonReply, oauthError, webexError, type Exchange, type Reply } from "./exchange.js";
import { ADMIN_SCOPES } from "./token-store.js";
import { overTokenLimit, tokenReply } from "./token-routes.js";
import type { World } from "./world.js";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

interface DeviceFlow {
  readonly clientId: string;
  readonly userCode: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  decision: "waiting" | "denied" | Login;
  lastPollAt: number;
}

/** The device flow (RFC 8628) with Webex's habits, and the page /device where the code is entered. */
export class DeviceRoutes {
  readonly #world: World;
  readonly #flows = new Map<string, DeviceFlow>();

  constructor(world: World) {
    this.#world = world;
  }

  /** POST /v1/device/authorize */
  async authorize(exchange: Exchange): Promise<Reply> {
    const form = await exchange.form();
    const client = this.#world.clients.find(form.get("client_id"));
    if (!client) return oauthError(400, "invalid_client", "The client_id is not known.");
    const scopes = (form.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
    if (scopes.length === 0 || scopes.some((scope) => !client.scopes.has(scope))) {
      return oauthError(400, "invalid_scope", "The requested scope is invalid.");
    }
    const { deviceSeconds, deviceIntervalSeconds } = this.#world.knobs;
    const deviceCode = this.#world.tokens.mintSecret(32);
    const userCode = String(randomInt(100_000, 1_000_000));
    const expiresAt = this.#world.now() + deviceSeconds * 1000;
    this.#flows.set(deviceCode, {
      clientId: client.clientId,
      userCode,
      scopes,
      expiresAt,
      decision: "waiting",
      lastPollAt: -Infinity,
    });
    return jsonReply(200, {
      device_code: deviceCode,
      expires_in: deviceSeconds,
      user_code: userCode,
      verification_uri: `${exchange.origin}/device`,
      verification_uri_complete: `${exchange.origin}/device?user_code=${userCode}`,
      interval: deviceIntervalSeconds,
    });
  }

  /** POST /v1/device/token */
  async token(exchange: Exchange): Promise<Reply> {
    const form = await exchange.form();
    const { basic } = exchange;
    const client = basic ? this.#world.clients.authenticate(basic.id, basic.secret) : null;
    if (!client) return oauthError(401, "invalid_client", "The client credentials are not valid.");
    if (form.get("grant_type") !== DEVICE_GRANT)
      return oauthError(400, "unsupported_grant_type", "The grant type is not supported.");
    const deviceCode = form.get("device_code") ?? "";
    const flow = this.#flows.get(deviceCode);
    if (flow?.clientId !== client.clientId) return oauthError(400, "invalid_grant", "The device_code is not valid.");
    return this.#poll(exchange, deviceCode, flow);
  }

  /** GET and POST /device */
  async page(exchange: Exchange): Promise<Reply> {
    if (exchange.method !== "POST") {
      const userCode = exchange.url.searchParams.get("user_code");
      const hidden: Record<string, string> = userCode === null ? {} : { user_code: userCode };
      const scopes = this.#byUserCode(userCode)?.scopes ?? ADMIN_SCOPES;
      const { organizations } = this.#world;
      return htmlReply(200, consentPage({ action: "/device", scopes, hidden, organizations, device: true }));
    }
    const form = await exchange.form();
    const flow = this.#byUserCode(form.get("user_code"));
    const login = readLogin(form.get("login"), this.#world.organizations);
    if (!flow || !login)
      return htmlReply(400, messagePage("That did not work", "The code is not known, or it is over.", "consent-error"));
    if (form.get("decision") === "decline") {
      flow.decision = "denied";
      return htmlReply(200, messagePage("Declined", "The device gets no access.", "device-declined"));
    }
    if (form.get("decision") === "blocked" || this.#world.knobs.integrationBlocked) return htmlReply(200, accessDeniedPage());
    flow.decision = login;
    return htmlReply(200, messagePage("Done", "The device is authorized. You can close this page.", "device-done"));
  }

  #poll(exchange: Exchange, deviceCode: string, flow: DeviceFlow): Reply {
    const { knobs, tokens } = this.#world;
    const now = this.#world.now();
    // Clocks tick in whole ms on both sides: a poll that is a hair early is not one that comes too fast.
    const tooFast = now - flow.lastPollAt < knobs.deviceIntervalSeconds * 1000 - 50;
    flow.lastPollAt = now;
    if (flow.expiresAt <= now) return oauthError(400, "expired_token", "The device code has expired.");
    if (flow.decision === "denied") return oauthError(400, "access_denied", "The request was denied.");
    if (tooFast && knobs.deviceTooFastForm === "slow_down") return oauthError(400, "slow_down", "Poll less often.");
    if (tooFast && knobs.deviceTooFastForm === "429") return webexError(exchange, 429, "Too many requests.");
    if (flow.decision === "waiting") {
      return knobs.devicePendingForm === "428"
        ? webexError(exchange, 428, "The authorization is pending.")
        : oauthError(400, "authorization_pending", "The authorization is pending.");
    }
    this.#flows.delete(deviceCode);
    const { organization, role } = flow.decision;
    const refusal = overTokenLimit(this.#world, flow.clientId, organization.index);
    return refusal ?? tokenReply(tokens.issue({ organization, role, scopes: flow.scopes, clientId: flow.clientId }));
  }

  #byUserCode(userCode: string | null): DeviceFlow | null {
    const code = userCode?.replaceAll(/\D/g, "") ?? "";
    for (const flow of this.#flows.values()) {
      if (flow.userCode === code && flow.expiresAt > this.#world.now() && flow.decision === "waiting") return flow;
    }
    return null;
  }
}
