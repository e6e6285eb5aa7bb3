/** The text of a PEM file whose certificates can all be used, or why it cannot be taken. */
export type CertificateFileResult =
  | { readonly ok: true; readonly pem: string }
  | {
      readonly ok: false;
      /** Follows "KEY=VALUE (line N) ". */
      readonly reason: string;
      readonly hint: string;
    };

/** Reads a PEM file. Answers within seconds, whatever the disk does, and never rejects. */
export type ReadCertificates = (path: string) => Promise<CertificateFileResult>;
