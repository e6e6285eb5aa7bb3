import { Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import { mapStack } from "./source-positions.js";

const SECRET_MEMBER =
  /^(authorization|proxy-authorization|cookie|.*token|.*secret|password|device_?code|code_?verifier)$/i;
const SECRETS_IN_TEXT = [
  /\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}/g,
  /\b((?:access_|refresh_)?token|client_secret|code|device_code|code_verifier|password)=[^&\s"']+/gi,
];
const MAX_DEPTH = 6;

/**
 * A log field made fit for being written: `Secret`s and members named like one read `[secret]`, credentials inside texts are cut
 * out, errors become plain objects with their stack and causes, and nothing is deeper than six levels.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (
    value === null ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    value === undefined
  )
    return value;
  if (typeof value !== "object")
    return typeof value === "bigint" ? value.toString() : `[${typeof value}]`;
  if (value instanceof Secret) return "[secret]";
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  const redacted: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    redacted[name] =
      SECRET_MEMBER.test(name) && typeof member === "string"
        ? "[secret]"
        : redact(member, depth + 1);
  }
  return redacted;
}

export function redactText(text: string): string {
  return SECRETS_IN_TEXT.reduce(
    (clean, pattern) => clean.replace(pattern, (_found, name: string) => `${name} [secret]`),
    text,
  );
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    ...(error instanceof Fault
      ? {
          code: error.code,
          status: error.status,
          trackingId: error.trackingId,
          data: redact(error.data, depth + 1),
        }
      : {}),
    message: redactText(error.message),
    stack: redactText(mapStack(error.stack ?? "")),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}
