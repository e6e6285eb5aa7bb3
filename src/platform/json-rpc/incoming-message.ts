import { isUtf8 } from "node:buffer";

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;

export type RequestId = string | number;

/** What one body turned out to be. A response is nobody's: the worker asks its host nothing. */
export type IncomingMessage =
  | {
      readonly kind: "request";
      readonly id: RequestId;
      readonly method: string;
      readonly params: unknown;
    }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "response" }
  | {
      readonly kind: "refused";
      readonly id: RequestId | null;
      readonly code: number;
      readonly message: string;
    };

/** Judges one body by JSON-RPC 2.0 (https://www.jsonrpc.org/specification, sections 4 to 6). Never throws. */
export function parseMessage(body: Buffer): IncomingMessage {
  // Buffer's own decoding would replace what is not UTF-8 and let it pass as text.
  if (!isUtf8(body)) return rejected(null, PARSE_ERROR, "The body is not UTF-8.");
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return rejected(null, PARSE_ERROR, "The body is not JSON.");
  }
  if (Array.isArray(value))
    return rejected(null, INVALID_REQUEST, "Batches are not taken: send one message a body.");
  if (typeof value !== "object" || value === null)
    return rejected(null, INVALID_REQUEST, "A message is a JSON object.");
  return classify(value as Record<string, unknown>);
}

function classify(message: Record<string, unknown>): IncomingMessage {
  const { id, method, params } = message;
  const validId = isValidId(id) ? id : null;
  if (message.jsonrpc !== "2.0")
    return rejected(validId, INVALID_REQUEST, 'The member "jsonrpc" has to be "2.0".');
  if (isResponse(message)) return { kind: "response" };
  if (typeof method !== "string")
    return rejected(validId, INVALID_REQUEST, 'The member "method" has to be a text.');
  if (id !== undefined && validId === null) {
    return rejected(
      null,
      INVALID_REQUEST,
      'The member "id" has to be a text or a number that JSON can give back exactly.',
    );
  }
  if (params !== undefined && (typeof params !== "object" || params === null)) {
    return rejected(validId, INVALID_REQUEST, 'The member "params" has to be an object.');
  }
  return validId === null
    ? { kind: "notification", method, params }
    : { kind: "request", id: validId, method, params };
}

function isResponse(message: Record<string, unknown>): boolean {
  if ("method" in message || "result" in message === "error" in message) return false;
  return message.id === null || isValidId(message.id);
}

/** An integer beyond 2^53 would come back as another number, and the host would never find its answer. */
function isValidId(id: unknown): id is RequestId {
  if (typeof id === "string") return true;
  return (
    typeof id === "number" &&
    Number.isFinite(id) &&
    (!Number.isInteger(id) || Number.isSafeInteger(id))
  );
}

function rejected(id: RequestId | null, code: number, message: string): IncomingMessage {
  return { kind: "refused", id, code, message };
}
