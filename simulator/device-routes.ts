import { randomInt } from "node:crypto";
import {
  accessDeniedPage,
  consentPage,
  messagePage,
  parseLogin,
  type Login,
} from "./consent-page.js";
import {
  htmlReply,
  jsonReply,
  oauthError,
  webexError,
  type Exchange,
  type Reply,
} from "./exchange.js";
import { ADMIN_SCOPES } from "./token-store.js";
import { tokenLimitError, tokenReply } from "./token-routes.js";
import type { SimulatorContext } from "./world.js";

const DEVICE_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

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
  readonly #context: SimulatorContext;
  readonly #flows = new Map<string, DeviceFlow>();

  constructor(context: SimulatorContext) {
    this.#context = context;
  }

  /** POST /v1/device/authorize */
  async authorize(exchange: Exchange): Promise<Reply> {
    const form = await exchange.form();
    const client = this.#context.clients.find(form.get("client_id"));
    if (!client) return oauthError(400, "invalid_client", "The client_id is not known.");
    const scopes = (form.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
    if (scopes.length === 0 || scopes.some((scope) => !client.scopes.has(scope))) {
      return oauthError(400, "invalid_scope", "The requested scope is invalid.");
    }
    const { deviceSeconds, deviceIntervalSeconds } = this.#context.knobs;
    const deviceCode = this.#context.tokens.createSecret(32);
    const userCode = String(randomInt(100_000, 1_000_000));
    const expiresAt = this.#context.now() + deviceSeconds * 1000;
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
    const { basicCredentials: basic } = exchange;
    const client = basic ? this.#context.clients.authenticate(basic.id, basic.secret) : null;
    if (!client) return oauthError(401, "invalid_client", "The client credentials are not valid.");
    if (form.get("grant_type") !== DEVICE_GRANT_TYPE)
      return oauthError(400, "unsupported_grant_type", "The grant type is not supported.");
    const deviceCode = form.get("device_code") ?? "";
    const flow = this.#flows.get(deviceCode);
    if (flow?.clientId !== client.clientId)
      return oauthError(400, "invalid_grant", "The device_code is not valid.");
    return this.#poll(exchange, deviceCode, flow);
  }

  /** GET and POST /device */
  async page(exchange: Exchange): Promise<Reply> {
    if (exchange.method !== "POST") {
      const userCode = exchange.url.searchParams.get("user_code");
      const hiddenFields: Record<string, string> = userCode === null ? {} : { user_code: userCode };
      const scopes = this.#findByUserCode(userCode)?.scopes ?? ADMIN_SCOPES;
      const { organizations } = this.#context;
      return htmlReply(
        200,
        consentPage({ action: "/device", scopes, hiddenFields, organizations, isDeviceFlow: true }),
      );
    }
    const form = await exchange.form();
    const flow = this.#findByUserCode(form.get("user_code"));
    const login = parseLogin(form.get("login"), this.#context.organizations);
    if (!flow || !login)
      return htmlReply(
        400,
        messagePage("That did not work", "The code is not known, or it is over.", "consent-error"),
      );
    if (form.get("decision") === "decline") {
      flow.decision = "denied";
      return htmlReply(
        200,
        messagePage("Declined", "The device gets no access.", "device-declined"),
      );
    }
    if (form.get("decision") === "blocked" || this.#context.knobs.integrationBlocked)
      return htmlReply(200, accessDeniedPage());
    flow.decision = login;
    return htmlReply(
      200,
      messagePage("Done", "The device is authorized. You can close this page.", "device-done"),
    );
  }

  #poll(exchange: Exchange, deviceCode: string, flow: DeviceFlow): Reply {
    const { knobs, tokens } = this.#context;
    const now = this.#context.now();
    // Clocks tick in whole ms on both sides: a poll that is a hair early is not one that comes too fast.
    const isTooFast = now - flow.lastPollAt < knobs.deviceIntervalSeconds * 1000 - 50;
    flow.lastPollAt = now;
    if (flow.expiresAt <= now)
      return oauthError(400, "expired_token", "The device code has expired.");
    if (flow.decision === "denied")
      return oauthError(400, "access_denied", "The request was denied.");
    if (isTooFast && knobs.deviceTooFastForm === "slow_down")
      return oauthError(400, "slow_down", "Poll less often.");
    if (isTooFast && knobs.deviceTooFastForm === "429")
      return webexError(exchange, 429, "Too many requests.");
    if (flow.decision === "waiting") {
      return knobs.devicePendingForm === "428"
        ? webexError(exchange, 428, "The authorization is pending.")
        : oauthError(400, "authorization_pending", "The authorization is pending.");
    }
    this.#flows.delete(deviceCode);
    const { organization, role } = flow.decision;
    const limitError = tokenLimitError(this.#context, flow.clientId, organization.index);
    return (
      limitError ??
      tokenReply(tokens.issue({ organization, role, scopes: flow.scopes, clientId: flow.clientId }))
    );
  }

  #findByUserCode(userCode: string | null): DeviceFlow | null {
    const code = userCode?.replaceAll(/\D/g, "") ?? "";
    for (const flow of this.#flows.values()) {
      if (
        flow.userCode === code &&
        flow.expiresAt > this.#context.now() &&
        flow.decision === "waiting"
      )
        return flow;
    }
    return null;
  }
}
