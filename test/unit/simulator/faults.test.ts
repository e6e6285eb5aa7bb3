import { expect } from "chai";
import { FaultQueue, readFaultRule } from "../../../simulator/faults.js";

describe("fault rules", () => {
  it("are read from JSON", () => {
    const rule = { kind: "gateway", form: "proxy", status: 403, path: "/v1", times: null, skip: 2 };
    expect(readFaultRule(rule)).to.deep.equal(rule);
  });

  for (const [name, rule] of Object.entries({
    "no object": "reset",
    "an unknown kind": { kind: "odd" },
    "an inherited name as a form": { kind: "gateway", form: "toString" },
    "an unknown member": { kind: "reset", paths: "/v1" },
    "a status that HTTP does not have": { kind: "status", status: 99 },
    "a status that is no number": { kind: "status", status: "500" },
    "a path that is no text": { kind: "reset", path: 1 },
    "a negative number of times": { kind: "reset", times: -1 },
    "a fraction of a request": { kind: "reset", skip: 0.5 },
    "headers that are no texts": { kind: "status", headers: { "retry-after": 5 } },
    "an unknown body": { kind: "status", body: "xml" },
    "a negative size": { kind: "oversizePage", bytes: -1 },
  })) {
    it(`reject ${name}`, () => {
      expect(() => readFaultRule(rule)).to.throw(RangeError, /^The fault is not valid\.\n./);
    });
  }

  it("apply to the requests that match, in the order in which they were added", () => {
    const faults = new FaultQueue();
    faults.add({ kind: "reset", path: "/v1/people", skip: 1 });
    faults.add({ kind: "hang", orgId: "A", times: null });
    const consume = (path: string, orgId: string): string | undefined =>
      faults.consume({ path, orgId })?.kind;
    expect(consume("/v1/people", "B")).to.equal(undefined);
    expect(consume("/v1/people", "A")).to.equal("reset");
    expect(consume("/v1/people", "A")).to.equal("hang");
    expect(consume("/v1/access_token", "A")).to.equal("hang");
  });

  it("apply only to requests with a certain query parameter", () => {
    const faults = new FaultQueue();
    faults.add({ kind: "reset", parameter: "cursor", times: null });
    const consume = (...parameters: string[]): string | undefined =>
      faults.consume({ path: "/v1/people", parameters, orgId: null })?.kind;
    expect(consume()).to.equal(undefined);
    expect(consume("max")).to.equal(undefined);
    expect(consume("max", "cursor")).to.equal("reset");
  });
});
