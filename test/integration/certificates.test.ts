import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { createCertificateReader } from "../../src/platform/certificates.js";
import type { CertificateFileResult } from "../../src/ports/http.js";
import { makeCertificates, type TestCertificates } from "../support/certificates-fixture.js";
import { TestServer, expectUnreachable, getRequest, openHttp } from "../support/http-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { requireSymlinks } from "../support/windows-fixture.js";

const BROKEN = "-----BEGIN CERTIFICATE-----\nhello world\n-----END CERTIFICATE-----\n";

describe("platform/certificates: a PEM file", () => {
  let folder: string;
  let made: TestCertificates;
  /** The authority that has signed the server's chain. */
  let pem: string;
  /** Certificates that have nothing to do with the server. */
  let two: string;
  let server: TestServer | null = null;

  before(async function () {
    folder = await mkdtemp(join(tmpdir(), "ucx-pem-"));
    made = makeCertificates();
    pem = made.authority;
    two = made.selfSigned.cert + makeCertificates().authority;
    server = await new TestServer(
      (_request, response) => response.end("secure"),
      made.good,
    ).start();
  });

  after(async () => {
    await server?.stop();
    if (server !== null) await rm(folder, { recursive: true, force: true });
  });

  const readCertificates = createCertificateReader();

  async function read(content: string | Uint8Array): Promise<CertificateFileResult> {
    const path = join(folder, "file.pem");
    await writeFile(path, content);
    return readCertificates(path);
  }

  async function reasonOf(content: string | Uint8Array): Promise<string | null> {
    const reading = await read(content);
    if (!reading.ok) expect(reading.hint).to.match(/^[A-Z].*every 10 seconds\.$/);
    return reading.ok ? null : reading.reason;
  }

  /** Reads the file, then connects to a server that only the authority vouches for. */
  async function connectTrusting(content: string | Uint8Array): Promise<string> {
    const reading = await read(content);
    if (!reading.ok) throw new Error(`The file ${reading.reason}.`);
    expect(reading.pem).not.to.contain("PRIVATE KEY");
    const http = openHttp({ extraCertificates: reading.pem });
    try {
      const { body } = await http.send(getRequest(server!.url("/", "localhost")));
      return new TextDecoder().decode(body);
    } finally {
      http.close();
    }
  }

  const openssl = (args: string, input: string): string =>
    execFileSync("openssl", args.split(" "), { input, stdio: ["pipe", "pipe", "pipe"] }).toString();

  const forms: Readonly<Record<string, () => string | Uint8Array>> = {
    "one certificate": () => pem,
    "several, the one that matters last": () => two + pem,
    "two joined without a line end": () => two.trimEnd() + pem,
    "words before BEGIN on the same line": () => `Our authority: ${pem}`,
    "words behind END on the same line": () => two.trimEnd() + " (old)" + pem.trimEnd() + " (new)",
    "indented lines": () => (two + pem).replace(/^/gm, "    \t"),
    "CRLF line ends": () => (two + pem).replaceAll("\n", "\r\n"),
    "CR line ends": () => (two + pem).replaceAll("\n", "\r"),
    "everything in one line": () => (two + pem).replace(/(?<=[^-])\n(?=[^-])/g, ""),
    "empty lines and spaces inside": () => pem.replaceAll("\n", " \n\n"),
    "a UTF-8 byte order mark": () => `\ufeff${pem}`,
    "UTF-16, little endian": () => Buffer.from(`\ufeff${two}${pem}`, "utf16le"),
    "UTF-16, big endian": () => Buffer.from(`\ufeff${two}${pem}`, "utf16le").swap16(),
    "a trailing 0x1A": () => `${pem}\x1a`,
    "text between certificates": () => `subject: somebody\n${two}\nissuer: somebody else\n${pem}`,
    "bag attributes": () =>
      `Bag Attributes\n    friendlyName: Ann\nsubject=CN = Ann\n${two}Bag Attributes: <Empty>\n${pem}`,
    "X509 CERTIFICATE": () => pem.replaceAll(" CERTIFICATE", " X509 CERTIFICATE"),
    "TRUSTED CERTIFICATE": () => openssl("x509 -trustout", pem),
    duplicates: () => pem + two + pem + pem,
    "a private key beside it": () => made.good.key + pem + made.good.key,
    "a private key joined to it": () => made.good.key.trimEnd() + pem.trimEnd() + made.good.key,
  };
  for (const [name, content] of Object.entries(forms))
    it(`is what TLS gets: ${name}`, async function () {
      if (name === "TRUSTED CERTIFICATE") requireTool(this, "openssl", "openssl");
      expect(await connectTrusting(content())).to.equal("secure");
    });

  it("does not trust what a TRUSTED CERTIFICATE rejects", async function () {
    requireTool(this, "openssl", "openssl");
    const rejecting = openssl("x509 -trustout -addreject serverAuth", pem);
    const { message } = await expectUnreachable(connectTrusting(rejecting), "tls");
    expect(message).to.contain("may not be used for servers (INVALID_PURPOSE)");
  });

  it("yields the certificates alone, each as OpenSSL writes it", async () => {
    const content = `password: tiger\n${made.good.key}words ${pem.replaceAll("\n", "\r")}`;
    expect(await read(content)).to.deep.equal({ ok: true, pem });
  });

  it("is rejected with the number and the line of the unreadable certificate", async () => {
    const line = pem.split("\n").length;
    expect(await reasonOf(BROKEN)).to.equal(
      "names a file whose certificate 1 (at line 1 of the file) cannot be read",
    );
    expect(await reasonOf(pem + BROKEN)).to.equal(
      `names a file whose certificate 2 (at line ${line} of the file) cannot be read`,
    );
    expect(await reasonOf(pem + pem.slice(0, -40) + two)).to.include("certificate 2 ");
    expect(await reasonOf(pem.replace(/-----END[^]*$/, ""))).to.include("certificate 1 ");
    expect(await reasonOf(pem.replace("\nMII", "\nAAA"))).to.include("certificate 1 ");
    expect(await reasonOf(pem.replaceAll("\n", "\\n"))).to.include("certificate 1 ");
    const keyAsCertificate = made.good.key.replaceAll("PRIVATE KEY", "CERTIFICATE");
    expect(await reasonOf(pem + keyAsCertificate)).to.include("certificate 2 ");
  });

  it("is rejected without a certificate, with what it holds instead", async () => {
    const der = new X509Certificate(pem).raw;
    expect(await reasonOf("")).to.equal("names a file without a PEM certificate");
    expect(await reasonOf(der)).to.equal("names a certificate in binary form (DER), not PEM");
    expect(await reasonOf(made.good.key)).to.equal(
      "names a file without a PEM certificate (it holds PRIVATE KEY)",
    );
    expect(await reasonOf(pem.replaceAll(" CERTIFICATE", " PKCS7"))).to.include("(it holds PKCS7)");
  });

  it("is rejected if it is not a readable file", async () => {
    expect(await reasonOf(" ".repeat(1024 * 1024 + 1))).to.include("more than 1048576 bytes");
    const aFolder = await readCertificates(folder);
    expect(aFolder).to.include({ ok: false, reason: "does not name a file" });
    const missing = await readCertificates(join(folder, "gone.pem"));
    expect(missing).to.include({ reason: "names a file that does not exist (ENOENT)" });
  });

  it("is read again after its content, or the target of a symbolic link, has changed", async function () {
    requireSymlinks(this);
    const [link, next] = [join(folder, "current.pem"), join(folder, "next.pem")];
    await writeFile(join(folder, "old.pem"), pem);
    await writeFile(join(folder, "new.pem"), made.selfSigned.cert);
    await symlink("old.pem", link);
    const first = await readCertificates(link);
    expect(await readCertificates(link)).to.equal(first);
    await symlink("new.pem", next);
    await rename(next, link);
    expect(await readCertificates(link)).to.deep.equal({ ok: true, pem: made.selfSigned.cert });
    await writeFile(join(folder, "new.pem"), pem);
    expect(await readCertificates(link)).to.deep.equal({ ok: true, pem });
  });
});
