import { readFile, stat } from "node:fs/promises";

import type { CertificateFileResult, ReadCertificates } from "../ports/certificates.js";
import { lazyCrypto } from "./lazy-modules.js";

const MAX_BYTES = 1024 * 1024;
const DEADLINE_MS = 3_000;

const CHOOSE_ANOTHER_FILE =
  "Name a PEM file that the worker's account may read, or leave the key out.";
const EXPORT_AS_PEM =
  "Export each certificate as Base-64 encoded X.509 (PEM: -----BEGIN CERTIFICATE-----), unchanged, into the file.";

/** Begin and end of a certificate, in the spellings that OpenSSL takes, with what is between them; without an end where it is missing. */
const BLOCK =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(?:(?:(?!-----BEGIN )[^])*?-----END \1-----)?/g;

/** Reads a file of PEM certificates and tries each: OpenSSL itself would pass over one that it cannot read, and all after it. */
export const readCertificates: ReadCertificates = async (path) => {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<CertificateFileResult>((resolve) => {
    timer = setTimeout(
      () => resolve(invalid("names a file that does not answer")),
      DEADLINE_MS,
    ).unref();
  });
  try {
    return await Promise.race([read(path), timeout]);
  } finally {
    clearTimeout(timer);
  }
};

async function read(path: string): Promise<CertificateFileResult> {
  let pem: string;
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return invalid("names no file");
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
    return invalid(
      `names a file whose certificate ${index + 1} (its line ${line}) cannot be read`,
      EXPORT_AS_PEM,
    );
  }
  return { ok: true, pem };
}

function isCertificate(block: string): boolean {
  try {
    const { X509Certificate } = lazyCrypto();
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
}

function describeReadError(code = "unknown error"): string {
  if (code === "ENOENT") return "is not there (ENOENT)";
  return code === "EACCES" || code === "EPERM"
    ? `the worker's account may not read (${code})`
    : `cannot be read (${code})`;
}

function invalid(complaint: string, hint = CHOOSE_ANOTHER_FILE): CertificateFileResult {
  return {
    ok: false,
    reason: complaint,
    hint: `${hint} The file is looked at again every 10 seconds.`,
  };
}
