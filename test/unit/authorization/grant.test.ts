import { expect } from "chai";

import {
  computeExpiry,
  isValidTime,
  MAX_LIFETIME_SECONDS,
  applyRefresh,
} from "../../../src/authorization/grant.js";
import { tokenResponseOf, grantOf, orgA } from "../../support/authorization-fixture.js";

const NOW = Date.UTC(2026, 0, 1);

describe("token lifetimes", () => {
  it("are converted to times in whole milliseconds", () => {
    expect(computeExpiry(1, NOW)).to.equal(NOW + 1_000);
    expect(computeExpiry(0.0015, NOW)).to.equal(NOW + 1);
    expect(computeExpiry(MAX_LIFETIME_SECONDS, NOW)).to.satisfy(isValidTime);
  });

  it("are unknown if they are meaningless", () => {
    for (const odd of [
      null,
      0,
      -1,
      NaN,
      Infinity,
      MAX_LIFETIME_SECONDS + 1,
      1e15,
      Number.MAX_VALUE,
    ]) {
      expect(computeExpiry(odd, NOW), String(odd)).to.equal(null);
    }
  });

  it("of a refreshed token never result in a time that cannot be shown", () => {
    const odd = { expiresInSeconds: 1e15, refreshTokenExpiresInSeconds: Number.MAX_SAFE_INTEGER };
    const renewed = applyRefresh(grantOf(orgA, "a", NOW), tokenResponseOf("b", odd), NOW);
    expect(renewed).to.include({ accessTokenExpiresAt: null, refreshTokenExpiresAt: null });
  });

  it("are limited to years with four digits", () => {
    expect([0, NOW, 253_402_300_799_999].every(isValidTime)).to.equal(true);
    expect([-1, 253_402_300_800_000, NaN, Infinity].some(isValidTime)).to.equal(false);
  });
});
