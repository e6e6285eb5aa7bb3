import { Fault } from "../faults/fault.js";

/** What is known of a request that failed. */
export interface RequestContext {
  /** Whom we wanted: `host[:port]`. */
  readonly target: string;
  /** Whom we asked for it: `host:port`, or null. */
  readonly proxy: string | null;
  /** False while the proxy itself has not been reached. */
  readonly isProxyReached: boolean;
  /** Whether an answer had begun. */
  readonly responseStarted: boolean;
}

type Reason = "dns" | "refused" | "reset" | "noRoute" | "timeout" | "tls" | "proxy" | "other";

const PROXY_CREDENTIALS_HINT =
  "Check the user in WebexPresence.Proxy and keep the password with: ucx-webex-presence secret proxy";
const CA_FILE_HINT =
  "If a firewall or proxy inspects TLS here, put its root certificate (PEM) into a file and name it in WebexPresence.CaFile.";

const TLS_MESSAGES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate comes from a self-signed authority that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT: "the issuer of its certificate is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer of its certificate is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the issuer of its certificate is not trusted here",
  CERT_UNTRUSTED: "its certificate is not trusted here",
  CERT_HAS_EXPIRED: "its certificate has expired, or this machine's clock is wrong",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, or this machine's clock is wrong",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/** The fault behind an error of the network stack. Only code and text of the innermost error are kept: axios's own holds the request, token and all. */
export function networkFault(error: unknown, attempt: RequestContext): Fault {
  const { code, message } = rootCause(error);
  const cause = Object.assign(new Error(message), { code });
  if (code.startsWith("HPE_")) {
    return new Fault(
      "webexError",
      `What answered for ${attempt.target} does not speak HTTP (${code}).`,
      { cause },
    );
  }
  const failedAtProxy = attempt.proxy !== null && !attempt.isProxyReached;
  const peer = failedAtProxy ? `the proxy ${attempt.proxy}` : attempt.target;
  const [reason, sentence, hint] = explain(code, peer, attempt.responseStarted);
  return unreachable(
    failedAtProxy ? "proxy" : reason,
    sentence,
    failedAtProxy && reason !== "tls" ? proxyHint(reason) : hint,
    cause,
  );
}

function explain(
  code: string,
  peer: string,
  responseStarted: boolean,
): readonly [Reason, string, string] {
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_FAIL":
      return [
        "dns",
        `The name of ${peer} could not be resolved (${code}).`,
        "Check this machine's DNS; if it reaches the internet through a proxy, set WebexPresence.Proxy.",
      ];
    case "ECONNREFUSED":
      return [
        "refused",
        `${capitalize(peer)} refused the connection.`,
        "Check firewall and proxy: the worker needs HTTPS to Webex.",
      ];
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return [
        "noRoute",
        `There is no route to ${peer} (${code}).`,
        "Check this machine's network connection.",
      ];
    case "ETIMEDOUT":
      return [
        "timeout",
        `${capitalize(peer)} did not answer in time.`,
        "Check firewall and proxy: the worker needs HTTPS to Webex.",
      ];
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
    case "ERR_BAD_RESPONSE": // axios's name for an answer that breaks off
      return [
        "reset",
        `${capitalize(peer)} broke the connection off${responseStarted ? " in the middle of an answer" : ""}.`,
        "If this goes on, check firewall and proxy.",
      ];
  }
  const tls = TLS_MESSAGES[code];
  if (tls !== undefined)
    return ["tls", `There is no secure connection to ${peer}: ${tls} (${code}).`, CA_FILE_HINT];
  if (
    /^(CERT_|ERR_SSL_|ERR_TLS_|UNABLE_TO_|EPROTO|CRL_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(
      code,
    )
  ) {
    return ["tls", `There is no secure connection to ${peer} (${code}).`, CA_FILE_HINT];
  }
  return [
    "other",
    `The request to ${peer} failed${code === "" ? "" : ` (${code})`}.`,
    "Check this machine's network connection.",
  ];
}

function proxyHint(reason: Reason): string {
  return reason === "dns"
    ? "Check the host name in WebexPresence.Proxy (or in HTTPS_PROXY) and this machine's DNS."
    : "Check WebexPresence.Proxy (or HTTPS_PROXY), and that the proxy is running.";
}

/** A proxy that answers by itself instead of passing the request on. */
export function proxyFault(status: number, attempt: RequestContext): Fault {
  const proxy = attempt.proxy ?? "";
  // tinyproxy says 401 of a wrong password.
  if (status === 407 || status === 401) {
    return unreachable(
      "proxy",
      `The proxy ${proxy} wants a user and a password, or refused those it got (${status}).`,
      PROXY_CREDENTIALS_HINT,
    );
  }
  return unreachable(
    "proxy",
    `The proxy ${proxy} answered ${status} instead of connecting to ${attempt.target}.`,
    "Allow the worker's connections to Webex in the proxy, or check WebexPresence.Proxy.",
  );
}

export function deadlineFault(target: string, timeoutMs: number): Fault {
  const hint = "Check firewall and proxy: the worker needs HTTPS to Webex.";
  return unreachable(
    "timeout",
    `${capitalize(target)} did not answer within ${timeoutMs / 1000} s.`,
    hint,
  );
}

export function responseTooLargeFault(maxBytes: number): Fault {
  return new Fault(
    "webexError",
    `An answer of Webex is longer than the ${maxBytes} bytes that it may have.`,
  );
}

export function cancelledFault(): Fault {
  return new Fault("cancelled", "The request to Webex was cancelled.");
}

function unreachable(reason: Reason, message: string, hint: string, cause?: Error): Fault {
  return new Fault("webexUnreachable", message, {
    hint,
    data: { reason },
    ...(cause !== undefined && { cause }),
  });
}

/** The error at the bottom of the chain of causes; of several addresses tried, the first one's. */
function rootCause(error: unknown): { code: string; message: string } {
  let lowest = error;
  let code = "";
  for (let depth = 0; lowest instanceof Error && depth < 8; depth += 1) {
    const own = (lowest as { code?: unknown }).code;
    if (typeof own === "string") code = own;
    const below: unknown =
      lowest.cause ??
      (lowest instanceof AggregateError ? (lowest.errors as unknown[])[0] : undefined);
    if (!(below instanceof Error)) break;
    lowest = below;
  }
  return { code, message: lowest instanceof Error ? lowest.message : "unknown failure" };
}

function capitalize(text: string): string {
  return text.startsWith("the ") ? `T${text.slice(1)}` : text;
}
