import { readFileSync } from "node:fs";
import tls from "node:tls";

import { Fault } from "../faults/fault.js";

/** Node's own trusted roots, those named to Node by NODE_EXTRA_CA_CERTS included. */
function defaultRoots(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (kind: "default") => string[] };
  if (getCACertificates !== undefined) return getCACertificates("default");
  return [...tls.rootCertificates, ...nodeExtraCertificates()];
}

/** A file that cannot be read counts for nothing, as with Node itself, which only warns. */
function nodeExtraCertificates(): readonly string[] {
  const path = process.env.NODE_EXTRA_CA_CERTS;
  if (path === undefined || path === "") return [];
  try {
    return [readFileSync(path, "utf8")];
  } catch {
    return [];
  }
}

/**
 * Node's trusted roots plus the given PEM text, made once a route: as a ready context it costs neither parsing at each connection
 * nor a key of all its certificates at each request, as the `ca` option would. Undefined (Node's defaults) for null. Throws a
 * `Fault` `webexUnreachable` where the text holds no certificate.
 */
export function trustedContext(extraCertificates: string | null): tls.SecureContext | undefined {
  if (extraCertificates === null) return undefined;
  try {
    if (!/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/.test(extraCertificates))
      throw new Error("no PEM certificate in the file");
    return tls.createSecureContext({ ca: [...defaultRoots(), extraCertificates] });
  } catch (error) {
    throw new Fault(
      "webexUnreachable",
      "The file of additional certificates holds none that can be used; Webex is not asked.",
      {
        cause: error,
        hint: "Put PEM certificates (-----BEGIN CERTIFICATE-----) into the file that WebexPresence.CaFile names, or empty the setting.",
        data: { reason: "tls" },
      },
    );
  }
}
