import { Secret } from "../faults/secret.js";
import { optionalText, requiredText } from "./json-answer.js";
import type { JsonObject } from "./json-answer.js";
import type { DeviceCode, TokenAnswer } from "./oauth-api.js";

/** RFC 8628 3.2 and 3.5: what holds where the answer does not say. */
const DEFAULT_INTERVAL_SECONDS = 5;
const DEFAULT_DEVICE_SECONDS = 300;
/** A code is not asked after for longer, whatever the answer says. Where it ends sooner than it had to, the next one is shown. */
const LONGEST_DEVICE_SECONDS = 86_400;

/** A token endpoint's answer (RFC 6749 5.1). Throws a `Fault` `webexError` without `access_token`. */
export function decodeTokenAnswer(body: JsonObject): TokenAnswer {
  const refreshToken = optionalText(body, "refresh_token");
  const scope = optionalText(body, "scope");
  return {
    accessToken: new Secret(requiredText(body, "access_token")),
    expiresInSeconds: seconds(body, "expires_in"),
    refreshToken: refreshToken === null || refreshToken === "" ? null : new Secret(refreshToken),
    refreshTokenExpiresInSeconds: seconds(body, "refresh_token_expires_in"),
    scopes: scope === null || scope.trim() === "" ? null : scope.trim().split(/[\s,]+/),
  };
}

/** RFC 8628 3.2. Throws a `Fault` `webexError` where a person could not go on with it. */
export function decodeDeviceCode(body: JsonObject): DeviceCode {
  const { user_code: userCode } = body;
  const expiresInSeconds = Math.min(seconds(body, "expires_in") ?? DEFAULT_DEVICE_SECONDS, LONGEST_DEVICE_SECONDS);
  const intervalSeconds = seconds(body, "interval") ?? DEFAULT_INTERVAL_SECONDS;
  return {
    deviceCode: new Secret(requiredText(body, "device_code")),
    userCode: typeof userCode === "number" ? String(userCode) : requiredText(body, "user_code"),
    verificationUri: requiredText(body, "verification_uri"),
    verificationUriComplete: optionalText(body, "verification_uri_complete"),
    expiresInSeconds,
    // At an interval past its end the code would never be asked after: that is no interval.
    intervalSeconds: intervalSeconds < expiresInSeconds ? intervalSeconds : DEFAULT_INTERVAL_SECONDS,
  };
}

/** A number, or one written as text; null for anything else and for what lies in the past. */
function seconds(body: JsonObject, name: string): number | null {
  const member = body[name];
  const value = typeof member === "string" && /^\d+$/.test(member) ? Number(member) : member;
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}
