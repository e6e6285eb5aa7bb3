import { expect } from "chai";
import { FaultQueue } from "../../../simulator/faults.js";
import { RateLimiter, retryAfterHeader } from "../../../simulator/rate-limit.js";
import { RequestLog } from "../../../simulator/request-log.js";

describe("rate limiter", () => {
  it("allows a number of requests per organization in a sliding minute, not counting refusals", () => {
    const limiter = new RateLimiter();
    expect([0, 10_000, 20_000].map((now) => limiter.acquire("a", now, 3))).to.deep.equal([0, 0, 0]);
    expect(limiter.acquire("a", 30_000, 3)).to.equal(30_000);
    expect(limiter.acquire("a", 59_999, 3)).to.equal(1);
    expect(limiter.acquire("b", 59_999, 3)).to.equal(0);
    expect(limiter.acquire("a", 60_000, 3)).to.equal(0);
    expect(limiter.acquire("a", 60_001, 3)).to.equal(9_999);
    limiter.reset();
    limiter.consume("a", 61_000, 2);
    expect([limiter.acquire("a", 61_000, 3), limiter.acquire("a", 61_000, 3)]).to.deep.equal([
      0, 60_000,
    ]);
  });

  it("writes Retry-After in every form", () => {
    const now = Date.parse("2026-03-04T10:00:00.000Z");
    const forms = (["seconds", "missing", "zero", "rand", "date"] as const).map((form) =>
      retryAfterHeader(form, 1500, now),
    );
    expect(forms).to.deep.equal([
      "2",
      null,
      "0",
      "rand(30),add(30)",
      "Wed, 04 Mar 2026 10:00:02 GMT",
    ]);
  });
});

describe("fault queue", () => {
  it("applies to a number of matching requests, after those it skips", () => {
    const faults = new FaultQueue();
    faults.add({ kind: "reset", path: "/v1/people", skip: 1, times: 2, orgId: "a" });
    const applies = (path: string, orgId: string): boolean =>
      faults.consume({ path, orgId }) !== null;
    expect(applies("/v1/organizations", "a")).to.equal(false);
    expect(applies("/v1/people", "b")).to.equal(false);
    expect([1, 2, 3, 4].map(() => applies("/v1/people/me", "a"))).to.deep.equal([
      false,
      true,
      true,
      false,
    ]);
    expect(faults.list()).to.deep.equal([]);
    faults.add({ kind: "hang", times: null });
    expect([1, 2, 3].map(() => applies("/x", "b"))).to.deep.equal([true, true, true]);
    faults.clear();
    expect(applies("/x", "b")).to.equal(false);
  });
});

describe("request log", () => {
  const entry = (path: string) => ({
    at: 0,
    method: "GET",
    path,
    query: {},
    orgId: null,
    bearer: true,
  });

  it("is bounded and keeps the latest", () => {
    const log = new RequestLog(100);
    for (let number = 0; number < 1000; number++) log.open(entry(`/${number}`));
    expect(log.total).to.equal(1000);
    const kept = log.since(0);
    expect(kept.length).to.be.within(100, 110);
    expect(kept.at(-1)?.path).to.equal("/999");
  });

  it("filters by a prefix, and waits for the next response", async () => {
    const log = new RequestLog();
    const open = log.open(entry("/v1/people/me"));
    expect(log.since(0, { path: "/v1/people*" })).to.have.length(1);
    expect(log.since(0, { path: "/v1/people" })).to.have.length(0);
    expect(log.since(1)).to.have.length(0);
    const next = log.next({ path: "/v1/people/me", status: 200 }, 1000);
    expect(open.completedAt).to.equal(null);
    log.close(open, 200, 40);
    expect(await next).to.include({ sequence: 1, at: 0, completedAt: 40 });
  });
});
