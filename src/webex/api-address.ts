import { asFault, Fault } from "../faults/fault.js";

export const DEFAULT_API_URL = "https://webexapis.com/v1";
const CISCO_HOST = /^webexapis\.com$|(^|\.)webex\.com$/;
const VERSION = /^v\d+(\.\d+)*$/i;
const RESOURCES = ["people", "organizations", "authorize", "access_token", "device"];
const MISSING_STATUSES: readonly number[] = [404, 405, 410];

/**
 * Returns what `WebexPresence.ApiUrl` was probably meant to be: the same address if its path ends
 * in `/v1`, as all addresses of the API do.
 */
export function likelyApiUrl(apiUrl: string): string {
  const { hostname, origin, pathname } = new URL(apiUrl);
  if (CISCO_HOST.test(hostname)) return DEFAULT_API_URL;
  const segments = pathname.split("/").filter((segment) => segment !== "");
  const end = segments.findIndex(
    (segment) => VERSION.test(segment) || RESOURCES.includes(segment.toLowerCase()),
  );
  const base = end === -1 ? segments : segments.slice(0, end);
  return [origin, ...base, "v1"].join("/");
}

/**
 * Rejects as a request for something that exists in every organization. If the response shows that
 * it does not exist, and the address is an unlikely one, the fault says so.
 */
export async function requestExisting<T>(apiUrl: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (thrown) {
    const fault = asFault(thrown);
    const likely = likelyApiUrl(apiUrl);
    if (likely === apiUrl || !isMissing(fault)) throw fault;
    const { message, status, trackingId } = fault;
    throw new Fault(
      "webexError",
      `Webex's API is not at WebexPresence.ApiUrl=${apiUrl}; its address is probably ${likely}. ${message}`,
      {
        cause: fault,
        ...(status !== undefined && { status }),
        ...(trackingId !== undefined && { trackingId }),
        hint: `Set WebexPresence.ApiUrl=${likely} in the settings file, or remove the setting to use ${DEFAULT_API_URL}.`,
      },
    );
  }
}

/** A 404 or 405, a redirect, or a 2xx response that is not one of the API. */
function isMissing({ code, status = 200 }: Fault): boolean {
  const isForeign = code === "webexError" && status < 400;
  return code === "notFound" || isForeign || MISSING_STATUSES.includes(status);
}
