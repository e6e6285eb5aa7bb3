import { generateKeyPairSync } from "node:crypto";

import forge from "node-forge";

const DAY_MS = 86_400_000;

export interface KeyPair {
  /** PEM, as is the certificate, which its chain may follow. */
  readonly key: string;
  readonly cert: string;
}

/** Keys and certificates: an authority, and server certificates that it signed. */
export interface TestCertificates {
  /** PEM of the authority. */
  readonly authority: string;
  /** For `localhost` and 127.0.0.1, signed by an intermediate authority. */
  readonly good: KeyPair;
  /** For the name `localhost` only. */
  readonly nameOnly: KeyPair;
  readonly otherName: KeyPair;
  readonly expired: KeyPair;
  /** Valid, signed by an intermediate authority that has expired. */
  readonly expiredIssuer: KeyPair;
  readonly clientOnly: KeyPair;
  /** With a long, hostile name. */
  readonly longName: KeyPair;
  readonly selfSigned: KeyPair;
}

interface Keys extends forge.pki.rsa.KeyPair {
  readonly pem: string;
}
type Names = Readonly<Record<string, string>>;

interface Issuer {
  readonly certificate: forge.pki.Certificate;
  readonly keys: Keys;
}

const AUTHORITY = [
  { name: "basicConstraints", cA: true, critical: true },
  { name: "keyUsage", keyCertSign: true },
];
const SERVER_NAMES = {
  name: "subjectAltName",
  altNames: [
    { type: 2, value: "localhost" },
    { type: 7, ip: "127.0.0.1" },
  ],
};
const nameOf = (value: string) => ({ name: "subjectAltName", altNames: [{ type: 2, value }] });

export function makeCertificates(): TestCertificates {
  const authorityKeys = newKeys();
  const sign = (subject: Names, extensions: object[], options: SigningOptions = {}): Issuer => {
    const keys = options.keys ?? (serverKeys ??= newKeys());
    return { certificate: signed(subject, extensions, keys, options), keys };
  };
  const root = sign({ CN: "Test authority" }, AUTHORITY, { keys: authorityKeys });
  const middleName = { CN: "Test intermediate" };
  const middle = sign(middleName, AUTHORITY, { issuer: root, keys: authorityKeys });
  const oldName = { CN: "Test old issuer" };
  const old = sign(oldName, AUTHORITY, { issuer: root, keys: authorityKeys, isExpired: true });

  const localhost = { CN: "localhost" };
  const elsewhere = "elsewhere.example";
  const forClients = { name: "extKeyUsage", clientAuth: true };
  const hostile = { CN: '"\u001b[31m'.repeat(7), O: "x\t".repeat(30) };
  const isCa = { name: "basicConstraints", cA: true };
  return {
    authority: pemOf(root),
    good: pair(sign(localhost, [SERVER_NAMES], { issuer: middle }), middle),
    nameOnly: pair(sign(localhost, [nameOf("localhost")], { issuer: root })),
    otherName: pair(sign({ CN: elsewhere }, [nameOf(elsewhere)], { issuer: root })),
    expired: pair(sign(localhost, [SERVER_NAMES], { issuer: root, isExpired: true })),
    expiredIssuer: pair(sign(localhost, [SERVER_NAMES], { issuer: old }), old),
    clientOnly: pair(sign(localhost, [SERVER_NAMES, forClients], { issuer: root })),
    longName: pair(sign(hostile, [isCa])),
    selfSigned: pair(sign(localhost, [isCa, SERVER_NAMES])),
  };
}

/** Servers may have the same keys, unlike authorities, which must not vouch for each other's. */
let serverKeys: Keys | undefined;

interface SigningOptions {
  /** The certificate signs itself without one. */
  readonly issuer?: Issuer;
  readonly keys?: Keys;
  readonly isExpired?: boolean;
}

function signed(
  subject: Names,
  extensions: object[],
  keys: Keys,
  { issuer, isExpired = false }: SigningOptions,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  // The first bit is 0: a serial number is positive.
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(16))}`;
  const end = isExpired ? -1 : 30;
  certificate.validity.notBefore = new Date(Date.now() - 2 * DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + end * DAY_MS);
  certificate.setSubject(
    Object.entries(subject).map(([shortName, value]) => ({
      shortName,
      value,
      // The types name the wrong enumeration.
      valueTagClass: forge.asn1.Type.UTF8 as unknown as forge.asn1.Class,
    })),
  );
  certificate.setIssuer((issuer?.certificate ?? certificate).subject.attributes);
  const signer = issuer?.keys ?? keys;
  // By them, OpenSSL tells the authorities of two calls apart, which have the same name.
  const keyIdentifiers = [
    { name: "subjectKeyIdentifier" },
    {
      name: "authorityKeyIdentifier",
      keyIdentifier: forge.pki.getPublicKeyFingerprint(signer.publicKey).getBytes(),
    },
  ];
  certificate.setExtensions([...extensions, ...keyIdentifiers]);
  certificate.sign(signer.privateKey, forge.md.sha256.create());
  return certificate;
}

/** Made by Node.js: node-forge would need seconds. */
function newKeys(): Keys {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  return { pem: privateKey, privateKey: key, publicKey: forge.pki.setRsaPublicKey(key.n, key.e) };
}

/** With the line ends of OpenSSL. */
const pemOf = ({ certificate }: Issuer): string =>
  forge.pki.certificateToPem(certificate).replaceAll("\r\n", "\n");

function pair(server: Issuer, ...chain: Issuer[]): KeyPair {
  return { key: server.keys.pem, cert: [server, ...chain].map(pemOf).join("") };
}
