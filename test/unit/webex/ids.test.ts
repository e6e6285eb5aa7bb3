import { expect } from "chai";

import { isMember, organizationUuid } from "../../../src/webex/ids.js";

const UUID = "d32a28f5-2c5e-4838-ac3a-0516ef132993";
const OTHER_UUID = "11111111-2c5e-4838-ac3a-0516ef132993";

function orgId(uuid: string, region = "us"): string {
  return btoa(`ciscospark://${region}/ORGANIZATION/${uuid}`).replaceAll("=", "");
}

describe("organization ids", () => {
  it("contain a UUID, padded or not, in any region, or are one", () => {
    const padded = btoa(`ciscospark://us/ORGANIZATION/${UUID}`);
    for (const id of [padded, orgId(UUID), orgId(UUID, "urn:TEAM:eu-central-1_k"), UUID]) {
      expect(organizationUuid(id), id).to.equal(UUID);
    }
    for (const id of ["", "org-1", "%", btoa("ciscospark://us/PEOPLE/1"), "Y2lz"]) {
      expect(organizationUuid(id), id).to.equal(null);
    }
  });

  const rows: [string, string | null, string, boolean][] = [
    ["the same id", orgId(UUID), orgId(UUID), true],
    ["another organization", orgId(OTHER_UUID), orgId(UUID), false],
    ["no id", null, orgId(UUID), true],
    ["the same UUID in another region", orgId(UUID, "eu"), orgId(UUID), true],
    ["the same UUID in upper case", orgId(UUID.toUpperCase()), orgId(UUID), true],
    ["the bare UUID", UUID, orgId(UUID), true],
    ["another bare UUID", OTHER_UUID, orgId(UUID), false],
    ["an id of another form", "acme", orgId(UUID), false],
    ["any UUID, if the organization's id has none", orgId(OTHER_UUID), "legacy", true],
    ["another id without UUID", "other", "legacy", false],
    ["another padding of an id without UUID", "bGVnYWN5MQ==", "bGVnYWN5MQ", true],
  ];
  for (const [name, personOrgId, ownOrgId, expected] of rows) {
    it(`${expected ? "accept" : "reject"} ${name}`, () =>
      expect(isMember(personOrgId, ownOrgId)).to.equal(expected));
  }
});
