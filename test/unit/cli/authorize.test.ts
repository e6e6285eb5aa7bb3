import { expect } from "chai";

import { authorizationLines } from "../../../src/cli/authorizations.js";
import { findPageUrl, renderQrCode } from "../../../src/cli/authorize.js";
import { paintFor } from "../../../src/cli/terminal/text.js";

describe("cli/authorize", () => {
  it("renders a QR code as a square of blocks, two modules per line", async () => {
    const lines = await renderQrCode("https://login.webex.com/verify?userCode=729703");
    const width = lines[0]!.length;
    const isBlockLine = (line: string) => line.length === width && /^[ █▀▄]+$/.test(line);
    expect(lines.every(isBlockLine)).to.equal(true);
    expect(lines.length).to.be.within(width / 2, width / 2 + 1);
    const other = await renderQrCode("https://login.webex.com/verify?userCode=729704");
    expect(other).to.not.deep.equal(lines);
  });

  it("finds the latest page address for a port in the worker's log", () => {
    const log = [
      '{"url":"http://localhost:8467/?key=old"}',
      '{"url":"http://localhost:8467/?key=new-_1"}',
      '"http://localhost:9999/?key=x"',
    ].join("\n");
    expect(findPageUrl(log, 8467)).to.equal("http://localhost:8467/?key=new-_1");
    expect(findPageUrl(log, 1)).to.equal(null);
  });
});

describe("cli/authorizations", () => {
  it("shows an authorization with its state, and removes control characters from names", () => {
    const lines = authorizationLines(
      {
        orgId: "Y2lz",
        orgName: "Example\u001b[31m Ltd",
        authorizedBy: null,
        scopes: ["spark-admin:people_read"],
        grantedAt: "2026-11-22T10:00:00Z",
        accessTokenExpiresAt: null,
        refreshTokenExpiresAt: null,
        state: "required",
      },
      { paint: paintFor(false), width: Number.POSITIVE_INFINITY },
    );
    expect(lines[0]).to.match(/^Example \[31m Ltd {2}authorization required$/);
    expect(lines.join("\n"))
      .to.include("Organization   Y2lz")
      .and.to.include("an administrator")
      .and.to.include("spark-admin:people_read (people and their presence)")
      .and.to.not.include("\u001b");
  });
});
