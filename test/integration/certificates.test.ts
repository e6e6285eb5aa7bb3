import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { readCertificates } from "../../src/platform/certificates.js";
import { makeCertificates } from "../support/http-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";

const BROKEN = "-----BEGIN CERTIFICATE-----\nhello world\n-----END CERTIFICATE-----\n";

describe("platform/certificates: a PEM file", () => {
  let folder: string;
  let pem: string;
  let two: string;

  before(async function () {
    requireTool(this, "openssl", "openssl");
    folder = await mkdtemp(join(tmpdir(), "ucx-pem-"));
    const made = makeCertificates();
    pem = made.authority;
    two = made.good.cert;
  });

  after(() => rm(folder, { recursive: true, force: true }));

  const reasonOf = async (content: string | Uint8Array): Promise<string | null> => {
    const path = join(folder, "file.pem");
    await writeFile(path, content);
    const reading = await readCertificates(path);
    if (!reading.ok) expect(reading.hint).to.match(/^[A-Z].*every 10 seconds\.$/);
    else expect(reading.pem).to.equal(content);
    return reading.ok ? null : reading.reason;
  };

  it("is read unchanged, with any number of certificates, line endings and text between them", async () => {
    expect(await reasonOf(pem)).to.equal(null);
    expect(await reasonOf(two)).to.equal(null);
    expect(await reasonOf(pem.replaceAll("\n", "\r\n"))).to.equal(null);
    const withText = `\ufeffsubject: somebody\n${pem}\nissuer: somebody else\n${two}`;
    expect(await reasonOf(withText)).to.equal(null);
    expect(await reasonOf(pem.replaceAll(" CERTIFICATE", " X509 CERTIFICATE"))).to.equal(null);
    const trusted = execFileSync("openssl", ["x509", "-trustout"], { input: pem }).toString();
    expect(trusted).to.include("BEGIN TRUSTED CERTIFICATE");
    expect(await reasonOf(trusted)).to.equal(null);
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
  });

  it("is rejected without a certificate, or if it is not a readable file", async () => {
    const der = execFileSync("openssl", ["x509", "-outform", "DER"], { input: pem });
    expect(await reasonOf("")).to.equal("names a file without a PEM certificate");
    expect(await reasonOf(der)).to.equal("names a file without a PEM certificate");
    expect(await reasonOf(" ".repeat(1024 * 1024 + 1))).to.include("more than 1048576 bytes");
    const aFolder = await readCertificates(folder);
    expect(aFolder).to.include({ ok: false, reason: "does not name a file" });
    const missing = await readCertificates(join(folder, "gone.pem"));
    expect(missing).to.include({ reason: "names a file that does not exist (ENOENT)" });
  });
});
