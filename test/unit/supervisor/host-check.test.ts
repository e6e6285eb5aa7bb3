import { expect } from "chai";

import { checkHost, compareVersions } from "../../../src/supervisor/host-check.js";

describe("supervisor/host-check", () => {
  const accepted = { hostVersion: null, licensed: null, consoleVersion: null };

  it("orders versions by year, season and number", () => {
    const ordered = [
      "2020.Autumn.9",
      "2021.Winter.1",
      "2021.Spring.1",
      "2021.Summer.2",
      "2021.Summer.3",
      "2021.Summer.10",
      "2021.Autumn.1",
      "2022.Winter.1",
    ];
    for (let i = 1; i < ordered.length; i += 1)
      expect(compareVersions(ordered[i - 1]!, ordered[i]!), ordered[i]).to.be.lessThan(0);
    expect(compareVersions("2021.summer.3", "2021.Summer.3")).to.equal(0);
    expect(compareVersions("21.4", "2021.Summer.3")).to.equal(null);
  });

  it("rejects a host older than 2021.Summer.3", () => {
    expect(checkHost({ ...accepted, hostVersion: "2021.Summer.2" }))
      .to.include({ isRejected: true })
      .and.to.have.nested.property("problems[0].code", "hostTooOld");
    expect(checkHost({ ...accepted, hostVersion: "2021.Summer.3" })).to.deep.equal({
      isRejected: false,
      problems: [],
      unreadableVersions: [],
    });
  });

  it("rejects an unlicensed host", () => {
    expect(checkHost({ ...accepted, licensed: false }))
      .to.include({ isRejected: true })
      .and.to.have.nested.property("problems[0].code", "licenseInvalid");
    expect(checkHost({ ...accepted, licensed: true }).isRejected).to.equal(false);
  });

  it("only warns about an old Attendant Console", () => {
    const check = checkHost({ ...accepted, consoleVersion: "2021.Summer.1" });
    expect(check.isRejected).to.equal(false);
    expect(check.problems[0]?.code).to.equal("consoleTooOld");
    expect(checkHost({ ...accepted, consoleVersion: "2021.Summer.2" }).problems).to.deep.equal([]);
  });

  it("accepts a version that cannot be parsed, and reports it", () => {
    expect(checkHost({ ...accepted, hostVersion: "next" })).to.deep.equal({
      isRejected: false,
      problems: [],
      unreadableVersions: ["next"],
    });
  });
});
