import { readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { SecureContext } from "node:tls";

import { Fault } from "../faults/fault.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/http.js";
import { lazyCrypto, lazyTls } from "./lazy-modules.js";
import { withTimeout } from "./system-clock.js";

const MAX_BYTES = 1024 * 1024;
const READ_TIMEOUT_MS = 3_000;

const CHOOSE_ANOTHER_FILE =
  "Name a PEM file that the worker's account may read, or leave the key out.";
const EXPORT_AS_PEM =
  "Export each certificate as Base-64 encoded X.509 (PEM: -----BEGIN CERTIFICATE-----), unchanged, into the file.";

/** A certificate as OpenSSL accepts it; without an END line, the BEGIN line alone. */
const BLOCK =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(?:(?:(?!-----BEGIN )[^])*?-----END \1-----)?/g;

/** Parses each certificate: OpenSSL silently skips an unreadable one and all after it. */
export const readCertificates: ReadCertificates = (path) =>
  withTimeout(read(path), READ_TIMEOUT_MS, invalid("names a file on a disk that does not respond"));

async function read(path: string): Promise<CertificateFileResult> {
  let pem: string;
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return invalid("does not name a file");
    if (stats.size > MAX_BYTES) return invalid(`names a file of more than ${MAX_BYTES} bytes`);
    pem = await readFile(path, "utf8");
  } catch (error) {
    return invalid(`names a file that ${describeReadError((error as NodeJS.ErrnoException).code)}`);
  }
  const blocks = [...pem.matchAll(BLOCK)];
  if (blocks.length === 0) return invalid("names a file without a PEM certificate", EXPORT_AS_PEM);
  for (const [index, block] of blocks.entries()) {
    if (isCertificate(block[0])) continue;
    const line = pem.slice(0, block.index).split(/\r\n|\n|\r/).length;
    const position = `certificate ${index + 1} (at line ${line} of the file)`;
    return invalid(`names a file whose ${position} cannot be read`, EXPORT_AS_PEM);
  }
  return { ok: true, pem };
}

function isCertificate(block: string): boolean {
  try {
    return new (lazyCrypto().X509Certificate)(block).raw.length > 0;
  } catch {
    return false;
  }
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
 * Returns a TLS context that trusts Node's roots and the given PEM certificates, or undefined
 * (Node's defaults) for null. Created once for each route: the `ca` option would be parsed for each
 * connection and be part of each request's pool key. Throws a `Fault` `webexUnreachable` if the
 * text holds no certificate.
 */
export function createTrustedContext(pem: string | null): SecureContext | undefined {
  if (pem === null) return undefined;
  try {
    if (!/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/.test(pem))
      throw new Error("no PEM certificate in the file");
    return lazyTls().createSecureContext({ ca: [...defaultRoots(), pem] });
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

/** Node's trusted roots, including those of NODE_EXTRA_CA_CERTS. */
function defaultRoots(): readonly string[] {
  const tls = lazyTls();
  const { getCACertificates } = tls as { getCACertificates?: (kind: "default") => string[] };
  if (getCACertificates !== undefined) return getCACertificates("default");
  const path = process.env.NODE_EXTRA_CA_CERTS;
  if (path === undefined || path === "") return tls.rootCertificates;
  try {
    return [...tls.rootCertificates, readFileSync(path, "utf8")];
  } catch {
    // Node itself ignores a file that it cannot read, apart from a warning.
    return tls.rootCertificates;
  }
}
