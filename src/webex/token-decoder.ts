import { Secret } from "../faults/secret.js";
import { optionalString, requiredString } from "./json-response.js";
import type { JsonObject } from "./json-response.js";
import type { DeviceAuthorization, TokenResponse } from "./oauth-api.js";

/** RFC 8628 3.2 and 3.5: what holds where the answer does not say. */
const DEFAULT_INTERVAL_SECONDS = 5;
const DEFAULT_DEVICE_SECONDS = 300;
/** A code is not asked after for longer, whatever the answer says. Where it ends sooner than it had to, the next one is shown. */
const MAX_DEVICE_SECONDS = 86_400;

/** A token endpoint's answer (RFC 6749 5.1). Throws a `Fault` `webexError` without `access_token`. */
export function decodeTokenResponse(body: JsonObject): TokenResponse {
  const refreshToken = optionalString(body, "refresh_token");
  const scope = optionalString(body, "scope");
  return {
    accessToken: new Secret(requiredString(body, "access_token")),
    expiresInSeconds: seconds(body, "expires_in"),
    refreshToken: refreshToken === null || refreshToken === "" ? null : new Secret(refreshToken),
    refreshTokenExpiresInSeconds: seconds(body, "refresh_token_expires_in"),
    scopes: scope === null || scope.trim() === "" ? null : scope.trim().split(/[\s,]+/),
  };
}

/** RFC 8628 3.2. Throws a `Fault` `webexError` where a person could not go on with it. */
export function decodeDeviceAuthorization(body: JsonObject): DeviceAuthorization {
  const { user_code: userCode } = body;
  const expiresInSeconds = Math.min(
    seconds(body, "expires_in") ?? DEFAULT_DEVICE_SECONDS,
    MAX_DEVICE_SECONDS,
  );
  const intervalSeconds = seconds(body, "interval") ?? DEFAULT_INTERVAL_SECONDS;
  return {
    deviceCode: new Secret(requiredString(body, "device_code")),
    userCode: typeof userCode === "number" ? String(userCode) : requiredString(body, "user_code"),
    verificationUri: requiredString(body, "verification_uri"),
    verificationUriComplete: optionalString(body, "verification_uri_complete"),
    expiresInSeconds,
    // At an interval past its end the code would never be asked after: that is no interval.
    intervalSeconds:
      intervalSeconds < expiresInSeconds ? intervalSeconds : DEFAULT_INTERVAL_SECONDS,
  };
}

/** A number, or one written as text; null for anything else and for what lies in the past. */
function seconds(body: JsonObject, name: string): number | null {
  const member = body[name];
  const value = typeof member === "string" && /^\d+$/.test(member) ? Number(member) : member;
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}
