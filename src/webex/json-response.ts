import { Fault } from "../faults/fault.js";
import type { HttpResponse } from "../ports/http.js";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Created on first use, to spare an idle worker the memory. */
let decoder: InstanceType<typeof TextDecoder> | null = null;

/**
 * Throws a `Fault` `webexError` if the body is not a JSON object. The fault describes the body but
 * never quotes it, since it may name people.
 */
export function parseJsonObject(response: HttpResponse): JsonObject {
  if (response.body.length === 0) throw malformedResponse("has no body", response.status);
  const value = parseJson(response.body, response.status);
  if (isObject(value)) return value;
  throw malformedResponse("is JSON, but not an object", response.status);
}

export function decodeText(body: Uint8Array): string {
  decoder ??= new TextDecoder();
  return decoder.decode(body);
}

/** Parses JSON in UTF-8. Throws as `parseJsonObject` does. */
export function parseJson(body: Uint8Array, status?: number): unknown {
  const text = decodeText(body);
  try {
    return JSON.parse(text);
  } catch {
    const isMarkup = /^\s*</.test(text.slice(0, 100));
    throw malformedResponse(
      isMarkup ? "is an HTML or XML page instead of JSON" : "is not JSON, or is incomplete",
      status,
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

/** Returns null unless `value` is an object with a non-empty string of this name. */
export function optionalString(value: unknown, name: string): string | null {
  const member = isObject(value) ? value[name] : null;
  return typeof member === "string" && member !== "" ? member : null;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The fault for a 2xx response that cannot be used. `description` completes "Webex's response …".
 */
export function malformedResponse(description: string, status?: number): Fault {
  return new Fault("webexError", `Webex's response cannot be used: it ${description}.`, {
    hint: "Check WebexPresence.ApiUrl, and whether a proxy responds in place of Webex.",
    ...(status !== undefined && { status }),
  });
}
