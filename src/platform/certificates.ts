import { readFileSync } from "node:fs";
import type { SecureContext } from "node:tls";

import { Fault } from "../faults/fault.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/http.js";
import { readBoundedFile, UnsuitableFile } from "./bounded-file.js";
import { lazyCrypto, lazyTls } from "./lazy-modules.js";
import { withTimeout } from "./system-clock.js";

const MAX_BYTES = 1024 * 1024;
const READ_TIMEOUT_MS = 3_000;

const CHOOSE_ANOTHER_FILE =
  "Name a PEM file that the worker's account may read, or leave the key out.";
const EXPORT_AS_PEM =
  "Export each certificate as Base-64 encoded X.509 (PEM: -----BEGIN CERTIFICATE-----), unchanged, into the file.";

/** From BEGIN to the next END; without an END, the BEGIN alone. */
const BLOCK =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(?:((?:(?!-----BEGIN )[^])*?)-----END \1-----)?/g;
const LABEL = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g;

interface ParsedFile {
  readonly bytes: Buffer;
  readonly result: CertificateFileResult;
}

/**
 * Returns a reader that parses each certificate and returns exactly the ones that it has parsed, in
 * the form that TLS reads: OpenSSL silently skips an unreadable certificate and all after it, and
 * one whose BEGIN is not at the start of a line. A file that has not changed is not parsed again.
 */
export function createCertificateReader(): ReadCertificates {
  let parsed: ParsedFile | null = null;
  async function read(path: string): Promise<CertificateFileResult> {
    let bytes: Buffer;
    try {
      ({ bytes } = await readBoundedFile(path, MAX_BYTES));
    } catch (error) {
      if (error instanceof UnsuitableFile) return invalid(describeUnsuitable(error));
      const { code } = error as NodeJS.ErrnoException;
      return invalid(`names a file that ${describeReadError(code)}`);
    }
    if (parsed?.bytes.equals(bytes) !== true) parsed = { bytes, result: parseFile(bytes) };
    return parsed.result;
  }
  const timeout = invalid("names a file on a disk that does not respond");
  // A disk that does not respond holds a thread of Node's pool: never more than one for a file.
  const pending = new Map<string, Promise<CertificateFileResult>>();
  return (path) => {
    const reading = pending.get(path) ?? read(path).finally(() => pending.delete(path));
    pending.set(path, reading);
    return withTimeout(reading, READ_TIMEOUT_MS, timeout);
  };
}

function parseFile(bytes: Buffer): CertificateFileResult {
  const text = decode(bytes);
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) return invalid(describeWithoutBlocks(bytes, text), EXPORT_AS_PEM);
  const certificates: string[] = [];
  for (const [index, [, label = "", content = ""]] of blocks.entries()) {
    const certificate = toPem(label, content);
    if (isCertificate(certificate)) {
      certificates.push(certificate);
      continue;
    }
    const line = text.slice(0, blocks[index]?.index).split(/\r\n|\n|\r/).length;
    const position = `certificate ${index + 1} (at line ${line} of the file)`;
    return invalid(`names a file whose ${position} cannot be read`, EXPORT_AS_PEM);
  }
  return { ok: true, pem: certificates.join("") };
}

/** UTF-8, or UTF-16 with a byte order mark, which PowerShell's `>` writes. */
function decode(bytes: Buffer): string {
  const mark = bytes.subarray(0, 2).toString("hex");
  const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** The label is kept, because a TRUSTED CERTIFICATE also holds what it is trusted for. */
function toPem(label: string, content: string): string {
  const lines = content.replace(/\s+/g, "").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function isCertificate(certificate: string | Buffer): boolean {
  try {
    return new (lazyCrypto().X509Certificate)(certificate).raw.length > 0;
  } catch {
    return false;
  }
}

function describeWithoutBlocks(bytes: Buffer, text: string): string {
  if (isCertificate(bytes)) return "names a certificate in binary form (DER), not PEM";
  const labels = [...new Set([...text.matchAll(LABEL)].map(([, label]) => label))].slice(0, 3);
  const content = labels.length === 0 ? "" : ` (it holds ${labels.join(" and ")})`;
  return `names a file without a PEM certificate${content}`;
}

function describeUnsuitable({ reason }: UnsuitableFile): string {
  return reason === "notRegular"
    ? "does not name a file"
    : `names a file of more than ${MAX_BYTES} bytes`;
}

function describeReadError(code = "unknown error"): string {
  if (code === "ENOENT") return "does not exist (ENOENT)";
  return code === "EACCES" || code === "EPERM"
    ? `the worker's account may not read (${code})`
    : `cannot be read (${code})`;
}

function invalid(reason: string, hint = CHOOSE_ANOTHER_FILE): CertificateFileResult {
  return { ok: false, reason, hint: `${hint} The worker reads the file again every 10 seconds.` };
}

/**
 * Returns a TLS context that trusts what Node trusts and the given PEM certificates, or undefined
 * (Node's defaults) for null. Created once for each route: the `ca` option would be parsed for each
 * connection and be part of each request's pool key. Throws a `Fault` `webexUnreachable` if the
 * text holds no certificate.
 */
export function createTrustedContext(pem: string | null): SecureContext | undefined {
  if (pem === null) return undefined;
  try {
    if (!isCertificate(pem)) throw new Error("no PEM certificate in the file");
    return addToDefaultRoots([readNodeExtraCertificates(), pem].filter((text) => text !== ""));
  } catch (error) {
    throw new Fault(
      "webexUnreachable",
      "The file of additional certificates holds no usable certificate, so no request is sent to Webex.",
      {
        cause: error,
        hint: "Put PEM certificates (-----BEGIN CERTIFICATE-----) into the file that WebexPresence.CaFile names, or empty the setting.",
        data: { reason: "tls" },
      },
    );
  }
}

/**
 * Node's `ca` option replaces the default roots, and no list of these is complete: that of
 * `getCACertificates` lacks OpenSSL's own, which `--use-openssl-ca` selects. So the certificates
 * are added to the store of a default context. An intermediate certificate among them is trusted,
 * too, as with curl: an administrator who names it means that.
 */
function addToDefaultRoots(pems: readonly string[]): SecureContext {
  const tls = lazyTls();
  const secureContext = tls.createSecureContext({ allowPartialTrustChain: true });
  const native = secureContext.context as { addCACert?: (pem: string) => void };
  if (native.addCACert === undefined)
    return tls.createSecureContext({
      ca: [...tls.rootCertificates, ...pems],
      allowPartialTrustChain: true,
    });
  for (const pem of pems) native.addCACert(pem);
  return secureContext;
}

/** Node 20 drops the certificates of NODE_EXTRA_CA_CERTS when others are added. */
function readNodeExtraCertificates(): string {
  const path = process.env.NODE_EXTRA_CA_CERTS;
  if (path === undefined || path === "") return "";
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Node itself ignores a file that it cannot read, apart from a warning.
    return "";
  }
}
