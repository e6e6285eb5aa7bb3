import { expect } from "chai";
import { networkInterfaces } from "node:os";

import { readAddresses } from "../../src/platform/network-addresses.js";

describe("the addresses of this machine", () => {
  it("are those of its interfaces, without loopback and link-local ones, in a fixed order", () => {
    const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const addresses = readAddresses();
    expect(addresses).to.deep.equal(addresses.toSorted());
    expect(addresses.join()).not.to.match(/ (127\.|::1|169\.254|fe80)/);
    for (const { address, internal } of all) {
      if (internal || /^(169\.254|fe80)/.test(address)) continue;
      expect(
        addresses.some((each) => each.endsWith(` ${address}`)),
        address,
      ).to.equal(true);
    }
  });
});
