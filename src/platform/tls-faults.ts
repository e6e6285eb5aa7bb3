import type { DetailedPeerCertificate } from "node:tls";

import { sanitize } from "../faults/foreign-text.js";

/** What is known of a TLS handshake that failed. */
export interface FailedHandshake {
  readonly code: string;
  /** Of the library; not shown. */
  readonly message: string;
  /** What was to be connected to, for the middle of a sentence. */
  readonly peer: string;
  readonly isPeerProxy: boolean;
  /** What the server presented, if it came that far. */
  readonly certificate: DetailedPeerCertificate | null;
  /** The number of certificates in `WebexPresence.CaFile`. */
  readonly extraCertificates: number;
}

interface Explanation {
  readonly text: string;
  readonly hint: string;
}

const MAX_NAME_LENGTH = 80;
const MAX_CHAIN_LENGTH = 10;
const MAX_NAMES = 3;

const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate comes from a self-signed authority that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT: "the issuer of its certificate is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer of its certificate is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the issuer of its certificate is not trusted here",
  CERT_UNTRUSTED: "its certificate is not trusted here",
};
/** Whoever inspects TLS has to issue other certificates; no setting of the worker helps. */
const UNUSABLE: Readonly<Record<string, string>> = {
  CERT_CHAIN_TOO_LONG: "the chain of its certificate is too long",
  CERT_REVOKED: "its certificate has been revoked",
  CERT_SIGNATURE_FAILURE: "a signature in the chain of its certificate is wrong",
  INVALID_CA: "a certificate of its chain may not issue certificates",
  PATH_LENGTH_EXCEEDED: "the chain of its certificate is longer than an issuer allows",
  // OpenSSL's other reasons, such as a key that is too short.
  UNSPECIFIED: "its certificate or an issuer does not meet the rules of TLS",
};
const PURPOSE: Readonly<Record<string, string>> = {
  CERT_REJECTED: "a certificate of its chain is marked as not trusted for servers",
  INVALID_PURPOSE: "a certificate of its chain may not be used for servers",
};
const TLS_CODE =
  /^(CERT_|ERR_SSL_|ERR_TLS_|UNABLE_TO_|EPROTO|CRL_|ERROR_IN_C|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH)/;

export function isTlsError(code: string): boolean {
  return code in UNTRUSTED || code in UNUSABLE || code in PURPOSE || TLS_CODE.test(code);
}

/** Names the certificate that is at fault, and the remedy for that fault. */
export function explainTlsError(handshake: FailedHandshake): Explanation {
  const { peer, code } = handshake;
  const withoutTls = explainWithoutCertificate(handshake);
  if (withoutTls !== null) return withoutTls;
  const [reason, hint] = explainCertificate(handshake);
  const detail = reason === "" ? "" : `: ${reason}`;
  const certificate = describeCertificate(handshake);
  return {
    text: `There is no secure connection to ${peer}${detail} (${code}).${certificate}`,
    hint,
  };
}

/** Returns null if the certificate, or something unknown, is at fault. */
function explainWithoutCertificate(handshake: FailedHandshake): Explanation | null {
  const { peer, code, isPeerProxy } = handshake;
  // OpenSSL's reason is in the code, or, after EPROTO, in the message.
  const reason = `${code} ${handshake.message}`.toLowerCase().replaceAll("_", " ");
  if (/wrong version number|packet length too long|http request|unknown protocol/.test(reason)) {
    return {
      text: `${peer} does not speak TLS on this port (${code}).`,
      hint: isPeerProxy
        ? "If the proxy speaks plain HTTP, as most do, write http:// instead of https:// in WebexPresence.Proxy (or HTTPS_PROXY)."
        : "Check the host and the port in WebexPresence.ApiUrl if it is set, and whether a firewall or proxy responds in place of Webex.",
    };
  }
  if (/certificate required|alert bad certificate|alert unknown ca/.test(reason)) {
    return {
      text: `${peer} requires a client certificate, and the worker has none (${code}).`,
      hint: "Webex requires none: find the firewall, proxy or gateway that does, and exempt the worker.",
    };
  }
  if (/alert protocol version|unsupported protocol|no protocols available/.test(reason)) {
    return {
      text: `${peer} and the worker have no version of TLS in common (${code}).`,
      hint: "The worker needs TLS 1.2 or later. Update whatever handles TLS there: a firewall, a proxy or a gateway.",
    };
  }
  if (/alert handshake failure|no shared cipher|no ciphers available/.test(reason)) {
    return {
      text: `${peer} ended the TLS handshake: it accepts no cipher of the worker, or requires a client certificate (${code}).`,
      hint: "Check the firewall, proxy or gateway that handles TLS there: it must accept TLS 1.2 or later without a client certificate.",
    };
  }
  return null;
}

function explainCertificate(handshake: FailedHandshake): readonly [reason: string, hint: string] {
  const { code, peer } = handshake;
  const [leaf] = chainOf(handshake.certificate);
  const issuer = leaf === undefined ? "" : ` (${nameOf(leaf.issuer)})`;
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) return [untrusted, suggestCaFile(handshake)];
  const purpose = PURPOSE[code];
  if (purpose !== undefined) {
    const renewal = `the certificate's issuer${issuer} has to issue one for servers.`;
    return [
      purpose,
      handshake.extraCertificates === 0
        ? renewal.replace("the", "The")
        : `If WebexPresence.CaFile holds a TRUSTED CERTIFICATE, export it as a CERTIFICATE. Otherwise, ${renewal}`,
    ];
  }
  const renewal = `has to be renewed by whoever runs the server, or the firewall or proxy that issued it${issuer}.`;
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return [
        "its certificate has expired, or this machine's clock is wrong",
        `Check this machine's date and time. If they are right, the certificate ${renewal}`,
      ];
    case "CERT_NOT_YET_VALID":
      return [
        "its certificate is not valid yet, or this machine's clock is wrong",
        `Check this machine's date and time. If they are right, the certificate ${renewal}`,
      ];
    case "HOSTNAME_MISMATCH":
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return [
        `its certificate is for another name${namesOf(leaf)}`,
        `Something else may respond in place of ${peer}: a login page of the network, a firewall, a proxy, or a host that DNS names wrongly. Check these, and WebexPresence.ApiUrl if it is set.`,
      ];
  }
  const unusable = UNUSABLE[code];
  if (unusable === undefined) return ["", suggestCaFile(handshake)];
  return [unusable, `The certificate or that of an issuer ${renewal}`];
}

/** The end of a chain that is not trusted is what has to be in `CaFile`. */
function suggestCaFile({ certificate, extraCertificates }: FailedHandshake): string {
  const top = chainOf(certificate).at(-1);
  const root = top === undefined ? "" : nameOf(top.issuer);
  if (extraCertificates === 0) {
    return `If a firewall or proxy inspects TLS here, put its root certificate (PEM)${root === "" ? "" : `, ${root},`} into a file and name it in WebexPresence.CaFile.`;
  }
  const count = extraCertificates === 1 ? "1 certificate" : `${extraCertificates} certificates`;
  const missing = root === "" ? "that of this issuer" : root;
  return `WebexPresence.CaFile is in effect with ${count}, but ${missing} is not among them. If a firewall or proxy of yours has issued that, add its root certificate (PEM) to the file.`;
}

/** Returns "" or a sentence with a space before it. */
function describeCertificate({ certificate, code }: FailedHandshake): string {
  const chain = chainOf(certificate);
  const [leaf] = chain;
  if (leaf === undefined) return "";
  // A certificate further up may be the one that is out of date.
  const from = (other: DetailedPeerCertificate): number => Date.parse(other.valid_from);
  const to = (other: DetailedPeerCertificate): number => Date.parse(other.valid_to);
  let shown = leaf;
  if (code === "CERT_HAS_EXPIRED") shown = chain.reduce((a, b) => (to(b) < to(a) ? b : a));
  if (code === "CERT_NOT_YET_VALID") shown = chain.reduce((a, b) => (from(b) > from(a) ? b : a));
  const isSelfSigned = nameOf(shown.subject) === nameOf(shown.issuer);
  const issuer = isSelfSigned ? "by itself" : `by ${nameOf(shown.issuer)}`;
  const dates = `valid from ${dateOf(shown.valid_from)} to ${dateOf(shown.valid_to)}`;
  return ` The certificate of ${nameOf(shown.subject)} was issued ${issuer} and is ${dates}.`;
}

/** From the server's certificate up. Node presents a root as its own issuer. */
function chainOf(certificate: DetailedPeerCertificate | null): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let current: DetailedPeerCertificate | undefined = certificate ?? undefined;
  // Node presents an absent certificate as an empty object.
  while (current?.valid_to !== undefined && chain.length < MAX_CHAIN_LENGTH) {
    if (chain.includes(current)) break;
    chain.push(current);
    current = current.issuerCertificate;
  }
  return chain;
}

/** A field that occurs several times is an array. */
type Name = Readonly<Record<string, string | string[] | undefined>>;

function nameOf(name: unknown): string {
  const { CN, OU, O } = (name ?? {}) as Name;
  const [text] = [CN, OU, O].flatMap((value) => value ?? []);
  const organization = text !== undefined && O !== undefined && CN !== undefined ? String(O) : "";
  const quoted = `"${sanitize((text ?? "no name").replaceAll('"', "'"), [], MAX_NAME_LENGTH)}"`;
  return organization === ""
    ? quoted
    : `${quoted} of ${sanitize(organization, [], MAX_NAME_LENGTH)}`;
}

/** Returns "" or the names in brackets, with a space before them. */
function namesOf(certificate: DetailedPeerCertificate | undefined): string {
  if (certificate === undefined) return "";
  const { subjectaltname, subject } = certificate;
  const names = (subjectaltname ?? "")
    .slice(0, 2_000)
    .split(", ")
    .map((name) => sanitize(name.replace(/^(DNS|IP Address|URI):/, ""), [], MAX_NAME_LENGTH))
    .filter((name) => name !== "");
  if (names.length === 0) return ` (${nameOf(subject)})`;
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return ` (${names.slice(0, MAX_NAMES).join(", ")}${more})`;
}

function dateOf(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? "an unknown date" : new Date(time).toISOString().slice(0, 10);
}
