import { Fault } from "../faults/fault.js";
import type { ErrorResponse } from "./error-response.js";

/** The fault that an answer of the REST service stands for, once it is neither a success nor a redirect. */
export function restFault(status: number, error: ErrorResponse): Fault {
  const { details } = error;
  const detail = error.text === "" ? "." : `: ${error.text}`;
  switch (status) {
    case 401:
      return new Fault("unauthorized", `Webex rejected the access token (401)${detail}`, {
        ...details,
        hint: "Authorize the organization again.",
      });
    case 403:
      return new Fault("forbidden", `Webex forbids this request (403)${detail}`, {
        ...details,
        hint: "Check that the administrator who authorized still is a full administrator, that the scopes were granted, and that Control Hub allows the integration.",
      });
    case 404:
      return new Fault("notFound", `Webex knows nothing at this address (404)${detail}`, details);
    // Locked: Webex uses it to throttle as well, and it may carry Retry-After.
    case 423:
    case 429:
      return new Fault(
        "rateLimited",
        `Webex asks for fewer requests (${status})${detail}`,
        details,
      );
  }
  if (status >= 400 && status < 500)
    return new Fault("refused", `Webex refused the request (${status})${detail}`, details);
  return new Fault("webexError", `Webex answered with an error (${status})${detail}`, {
    ...details,
    hint: "Nothing to do here unless it lasts; then see status.webex.com, and give the tracking id to Cisco's support.",
  });
}

/** A success that cannot be read. `what` completes "Webex's answer …". */
export function malformedResponse(description: string, status?: number): Fault {
  return new Fault("webexError", `Webex's answer cannot be used: it ${description}.`, {
    hint: "Check WebexPresence.ApiUrl, and whether a proxy answers in Webex's place.",
    ...(status !== undefined && { status }),
  });
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new Fault("cancelled", "The request to Webex was cancelled.");
}
