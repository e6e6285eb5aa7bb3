import { expect } from "chai";

import { checkHost } from "../../../src/supervisor/host-gate.js";
import { compareVersions } from "../../../src/supervisor/host-version.js";

describe("supervisor/host-gate", () => {
  const fit = { hostVersion: null, licensed: null, consoleVersion: null };

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

  it("shuts for a host older than 2021.Summer.3", () => {
    expect(checkHost({ ...fit, hostVersion: "2021.Summer.2" }))
      .to.include({ isRejected: true })
      .and.to.have.nested.property("problems[0].code", "hostTooOld");
    expect(checkHost({ ...fit, hostVersion: "2021.Summer.3" })).to.deep.equal({
      isRejected: false,
      problems: [],
      unreadableVersions: [],
    });
  });

  it("shuts without a licence", () => {
    expect(checkHost({ ...fit, licensed: false }))
      .to.include({ isRejected: true })
      .and.to.have.nested.property("problems[0].code", "licenseInvalid");
    expect(checkHost({ ...fit, licensed: true }).isRejected).to.equal(false);
  });

  it("only warns of an old Attendant Console", () => {
    const verdict = checkHost({ ...fit, consoleVersion: "2021.Summer.1" });
    expect(verdict.isRejected).to.equal(false);
    expect(verdict.problems[0]?.code).to.equal("consoleTooOld");
    expect(checkHost({ ...fit, consoleVersion: "2021.Summer.2" }).problems).to.deep.equal([]);
  });

  it("lets a version through that it cannot read, and names it", () => {
    expect(checkHost({ ...fit, hostVersion: "next" })).to.deep.equal({
      isRejected: false,
      problems: [],
      unreadableVersions: ["next"],
    });
  });
});
