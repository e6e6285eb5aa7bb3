import { Fault } from "../faults/fault.js";
import { exceedsDepth } from "../faults/json-depth.js";
import { decodeText } from "../faults/foreign-text.js";
import { describeResponder, type ReceivedResponse } from "./response-text.js";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Webex's responses have at most five levels. Parsing millions would take seconds and memory. */
export const MAX_DEPTH = 64;
/** Longer than any token; what is longer is not of Webex. */
const MAX_STRING_LENGTH = 16_384;

/**
 * Throws a `Fault` `webexError` if the body is not a JSON object. The fault describes the body and
 * names what responded, but quotes nothing else, since the body may name people.
 */
export function parseJsonObject(response: ReceivedResponse): JsonObject {
  const { body } = response;
  if (body.length === 0) throw malformedResponse("has no body", response);
  if (exceedsDepth(body, MAX_DEPTH)) throw malformedResponse("is nested too deeply", response);
  const value = parseJson(body, response);
  if (isObject(value)) return value;
  throw malformedResponse("is JSON, but not an object", response);
}

/** Parses JSON in UTF-8. Throws as `parseJsonObject` does. */
export function parseJson(body: Uint8Array, response?: ReceivedResponse): unknown {
  const text = decodeText(body);
  try {
    return JSON.parse(text);
  } catch {
    const isMarkup = /^\s*</.test(text.slice(0, 100));
    throw malformedResponse(
      isMarkup ? "is an HTML or XML page instead of JSON" : "is not JSON, or is incomplete",
      response,
    );
  }
}

/** Returns the member `items`. Throws a `Fault` `webexError` if it is not an array. */
export function requiredItems({ items }: JsonObject): readonly unknown[] {
  if (!Array.isArray(items)) throw malformedResponse("has no list of items");
  return items;
}

/**
 * Throws a `Fault` `webexError` unless `value` is an object with a non-empty string of this name.
 */
export function requiredString(value: unknown, name: string): string {
  const member = optionalString(value, name);
  if (member === null) throw malformedResponse(`has no ${name}`);
  return member;
}

/**
 * Returns null unless `value` is an object with a non-empty string of this name, of at most 16,384
 * characters.
 */
export function optionalString(value: unknown, name: string): string | null {
  const member = isObject(value) ? value[name] : null;
  const isText = typeof member === "string" && member !== "" && member.length <= MAX_STRING_LENGTH;
  return isText ? member : null;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The fault for a response that cannot be used, although it is a success or a redirect.
 * `description` completes "Webex's response …".
 */
export function malformedResponse(description: string, response?: ReceivedResponse): Fault {
  const responder = response === undefined ? "" : ` (${describeResponder(response)})`;
  return new Fault(
    "webexError",
    `Webex's response cannot be used: it ${description}${responder}.`,
    {
      hint: "Check WebexPresence.ApiUrl, and whether a firewall, a proxy or a portal responds in place of Webex.",
      ...(response !== undefined && { status: response.status }),
    },
  );
}
