import type { DetailedPeerCertificate } from "node:tls";

import { Fault } from "../faults/fault.js";
import { loadLibrary } from "./lazy-modules.js";
import type { Library, LibraryLoadError, LibraryName } from "./lazy-modules.js";
import { foreignProxyFault, isForeignProxy } from "./proxy-faults.js";
import { explainTlsError, isTlsError } from "./tls-faults.js";

/** What is known of a request that failed. */
export interface RequestContext {
  /** The server, as `host[:port]`. */
  readonly target: string;
  /** The proxy, as `host:port`, or null. */
  readonly proxy: string | null;
  readonly isProxyReached: boolean;
  /** The server, or the proxy, has begun to respond. */
  readonly responseStarted: boolean;
  /** What the server has presented in a TLS handshake, or null. */
  readonly certificate: DetailedPeerCertificate | null;
  /** The number of certificates in `WebexPresence.CaFile`. */
  readonly extraCertificates: number;
}

type Reason =
  | "dns"
  | "refused"
  | "reset"
  | "staleConnection"
  | "noRoute"
  | "timeout"
  | "tls"
  | "proxy"
  | "installation"
  | "other";

/** Servers that no setting names. */
const CISCO_SERVER = /(^|\.)(webexapis|webex)\.com(:\d+)?$/;
const RESET_HINT = "If this persists, check the firewall and the proxy.";
const NETWORK_HINT = "Check this machine's network connection.";
/**
 * Translates an error of the network stack. Of axios's errors only code and message of the root
 * cause are kept, because they hold the request with its token.
 */
export function networkFault(error: unknown, request: RequestContext): Fault {
  const { code, message } = rootCause(error);
  const cause = Object.assign(new Error(message), { code });
  const isProxyAtFault = failedAtProxy(request);
  if (isProxyAtFault && isForeignProxy(message))
    return foreignProxyFault(request.proxy, message, cause);
  const peer = isProxyAtFault ? `the proxy ${request.proxy}` : nameTarget(request);
  if (code.startsWith("HPE_"))
    return new Fault("webexError", `The response of ${peer} is not HTTP (${code}).`, { cause });
  if (isTlsError(code)) {
    const { certificate, extraCertificates } = request;
    const isPeerProxy = isProxyAtFault;
    const handshake = { code, message, peer, isPeerProxy, certificate, extraCertificates };
    const { text, hint } = explainTlsError(handshake);
    return unreachable(isProxyAtFault ? "proxy" : "tls", text, hint, cause);
  }
  const [reason, text, hint] = explain(code, message, peer, request);
  if (!isProxyAtFault) return unreachable(reason, text, hint, cause);
  return unreachable("proxy", text, proxyHint(reason), cause);
}

/** The server, and the proxy through which it was reached. */
function nameTarget({ target, proxy }: RequestContext): string {
  return proxy === null ? target : `${target} (through the proxy ${proxy})`;
}

/** The setting that the server's address is from comes first: it may be misspelled. */
function dnsHint({ target }: RequestContext): string {
  const setting = CISCO_SERVER.test(target) ? "" : "WebexPresence.ApiUrl and ";
  return `Check ${setting}this machine's DNS; if it reaches the internet through a proxy, set WebexPresence.Proxy.`;
}

function firewallHint({ target }: RequestContext): string {
  const setting = CISCO_SERVER.test(target) ? "" : "WebexPresence.ApiUrl, ";
  return `Check ${setting}the firewall and the proxy. The worker must be able to open HTTPS connections to Webex.`;
}

function failedAtProxy({ proxy, isProxyReached }: RequestContext): boolean {
  return proxy !== null && !isProxyReached;
}

function explain(
  code: string,
  message: string,
  peer: string,
  request: RequestContext,
): readonly [Reason, string, string] {
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_FAIL":
      return ["dns", `The name of ${peer} could not be resolved (${code}).`, dnsHint(request)];
    case "ECONNREFUSED":
      return ["refused", `${peer} refused the connection.`, firewallHint(request)];
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return ["noRoute", `There is no route to ${peer} (${code}).`, NETWORK_HINT];
    case "ETIMEDOUT":
      return ["timeout", `${peer} did not respond in time.`, firewallHint(request)];
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
    case "ERR_BAD_RESPONSE": {
      // The last one is axios's code for a response that breaks off.
      // That is Node's text, without a code of its own.
      const handshake = message.includes("before secure TLS connection")
        ? " during the TLS handshake"
        : "";
      const moment = request.responseStarted ? " in the middle of a response" : handshake;
      return ["reset", `${peer} closed the connection${moment}.`, RESET_HINT];
    }
  }
  const detail = code === "" ? "" : ` (${code})`;
  return ["other", `The request to ${peer} failed${detail}.`, NETWORK_HINT];
}

function proxyHint(reason: Reason): string {
  return reason === "dns"
    ? "Check the host name in WebexPresence.Proxy (or in HTTPS_PROXY) and this machine's DNS."
    : "Check WebexPresence.Proxy (or HTTPS_PROXY), and that the proxy is running.";
}

/** Loads a library for requests. Rejects with a `Fault` that blames this installation. */
export async function loadHttpLibrary<Name extends LibraryName>(
  name: Name,
): Promise<Library<Name>> {
  try {
    return await loadLibrary(name);
  } catch (error) {
    const { message, hint } = error as LibraryLoadError;
    const text = `${message} No request was sent to Webex.`;
    throw unreachable("installation", text, hint, error as LibraryLoadError);
  }
}

/** For a response that is not complete in time, although its bytes may still be coming. */
export function deadlineFault(request: RequestContext, timeoutMs: number): Fault {
  const failure = request.responseStarted ? "did not complete its response" : "did not respond";
  return timeoutFault(request, `${failure} within ${timeoutMs / 1000} s.`);
}

/**
 * For a server that has sent no byte for a while. The text is the same when the silence is first
 * reported, after half of the limit, and when it ends the request: both have one cause.
 */
export function silenceFault(request: RequestContext, silenceTimeoutMs: number): Fault {
  const seconds = silenceTimeoutMs / 2_000;
  return timeoutFault(
    request,
    request.responseStarted
      ? `has sent nothing for more than ${seconds} s in the middle of a response.`
      : `has not responded for more than ${seconds} s.`,
  );
}

function timeoutFault(request: RequestContext, failure: string): Fault {
  if (!failedAtProxy(request))
    return unreachable("timeout", `${nameTarget(request)} ${failure}`, firewallHint(request));
  const text = `The proxy ${request.proxy} ${failure}`;
  return unreachable("timeout", text, proxyHint("timeout"));
}

/** Of a GET on a persistent connection that was closed while it was idle. */
export function staleConnectionFault({ message, hint = "", cause }: Fault): Fault {
  const data = { reason: "staleConnection" satisfies Reason };
  return new Fault("webexUnreachable", message, { hint, data, cause });
}

function unreachable(reason: Reason, message: string, hint: string, cause?: Error): Fault {
  // A message may begin with "the proxy …".
  const sentence = message.replace(/^the /, "The ");
  return new Fault("webexUnreachable", sentence, { hint, data: { reason }, cause });
}

/** The innermost cause; if several addresses were tried, that of the first one. */
function rootCause(error: unknown): { code: string; message: string } {
  let current = error;
  let code = "";
  let message = "unknown failure";
  for (let depth = 0; current instanceof Error && depth < 8; depth += 1) {
    const { code: ownCode, errors } = current as { code?: unknown; errors?: unknown[] };
    if (typeof ownCode === "string") code = ownCode;
    message = current.message;
    current = current.cause ?? errors?.[0];
  }
  return { code, message };
}
