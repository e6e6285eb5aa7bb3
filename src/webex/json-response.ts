import type { HttpResponse } from "../ports/http.js";
import { malformedResponse } from "./rest-faults.js";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Made when first needed: it costs memory that a worker at rest has no use for. */
let decoder: InstanceType<typeof TextDecoder> | null = null;

/** The body as a JSON object. Throws a `Fault` `webexError` that says what it is instead; never its text, which may name people. */
export function parseJsonObject(response: HttpResponse): JsonObject {
  if (response.body.length === 0) throw malformedResponse("has no body", response.status);
  const value = parseJson(response.body, response.status);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as JsonObject;
  throw malformedResponse("is JSON, but not an object", response.status);
}

/** JSON in UTF-8. Throws as `jsonAnswer`. */
export function parseJson(body: Uint8Array, status?: number): unknown {
  decoder ??= new TextDecoder();
  const text = decoder.decode(body);
  try {
    return JSON.parse(text);
  } catch {
    throw malformedResponse(
      /^\s*</.test(text.slice(0, 100))
        ? "is a page of HTML or XML instead of JSON"
        : "is not JSON, or not all of it",
      status,
    );
  }
}

/** A member that must be a text with something in it. */
export function requiredString(value: JsonObject, name: string): string {
  const member = value[name];
  if (typeof member === "string" && member !== "") return member;
  throw malformedResponse(`has no ${name}`);
}

export function optionalString(value: JsonObject, name: string): string | null {
  const member = value[name];
  return typeof member === "string" ? member : null;
}
