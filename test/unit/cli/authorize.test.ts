import { expect } from "chai";

import { renderQrCode } from "../../../src/cli/authorize-invitation.js";

describe("cli/authorize-invitation", () => {
  it("draws the address as a square of blocks, two modules to a line", async () => {
    const lines = await renderQrCode("https://login.webex.com/verify?userCode=729703");
    const width = lines[0]!.length;
    expect(lines.every((line) => line.length === width && /^[ █▀▄]+$/.test(line))).to.equal(true);
    expect(lines.length).to.be.within(width / 2, width / 2 + 1);
    expect(await renderQrCode("https://login.webex.com/verify?userCode=729704")).to.not.deep.equal(
      lines,
    );
  });
});
