import { expect } from "chai";

import { expiry, isTime, LONGEST_LIFETIME_SECONDS } from "../../../src/authorization/lifetime.js";
import { afterRefresh } from "../../../src/authorization/renewed-grant.js";
import { answerOf, grantOf, orgA } from "./fixtures.js";

const NOW = Date.UTC(2026, 0, 1);

describe("lifetimes of tokens", () => {
  it("become times, in whole milliseconds", () => {
    expect(expiry(1, NOW)).to.equal(NOW + 1_000);
    expect(expiry(0.0015, NOW)).to.equal(NOW + 1);
    expect(expiry(LONGEST_LIFETIME_SECONDS, NOW)).to.satisfy(isTime);
  });

  it("are not known where they mean nothing", () => {
    for (const odd of [null, 0, -1, NaN, Infinity, LONGEST_LIFETIME_SECONDS + 1, 1e15, Number.MAX_VALUE]) {
      expect(expiry(odd, NOW), String(odd)).to.equal(null);
    }
  });

  it("of a renewed token never make a grant that cannot be shown", () => {
    const odd = { expiresInSeconds: 1e15, refreshTokenExpiresInSeconds: Number.MAX_SAFE_INTEGER };
    const renewed = afterRefresh(grantOf(orgA, "a", NOW), answerOf("b", odd), NOW);
    expect(renewed).to.include({ accessTokenExpiresAt: null, refreshTokenExpiresAt: null });
  });

  it("end where an ISO 8601 text still has a year of four digits", () => {
    expect([0, NOW, 253_402_300_799_999].every(isTime)).to.equal(true);
    expect([-1, 253_402_300_800_000, NaN, Infinity].some(isTime)).to.equal(false);
  });
});
