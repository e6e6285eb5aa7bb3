import { expect } from "chai";

import { RestartPolicy } from "../../../src/client/restart-policy.js";

describe("client/restart-policy", () => {
  const onFailure = { policy: "on-failure", delaysSeconds: [1, 5, 30] };
  const delays = (policy: RestartPolicy, runs: readonly number[]) =>
    runs.map((ranForMs) => policy.next(ranForMs)?.delaySeconds);

  it("uses the delays one after the other, then the last one", () => {
    expect(delays(new RestartPolicy(onFailure), [0, 0, 0, 0, 0])).to.deep.equal([1, 5, 30, 30, 30]);
  });

  it("begins anew after a worker that has run for a minute", () => {
    const policy = new RestartPolicy(onFailure);
    expect(delays(policy, [0, 59_999, 60_000, 0])).to.deep.equal([1, 5, 1, 5]);
    expect(policy.next(60_000)).to.deep.equal({ attempt: 1, delaySeconds: 1 });
    expect(policy.next(0)).to.deep.equal({ attempt: 2, delaySeconds: 5 });
  });

  it("restarts nothing under another policy", () => {
    expect(new RestartPolicy({ ...onFailure, policy: "never" }).next(0)).to.equal(null);
  });

  it("waits for a second if the policy names no delay", () => {
    const policy = new RestartPolicy({ policy: "on-failure", delaysSeconds: [] });
    expect(delays(policy, [0, 0])).to.deep.equal([1, 1]);
  });
});
