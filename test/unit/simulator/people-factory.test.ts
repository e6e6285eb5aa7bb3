import { expect } from "chai";
import {
  personJson,
  createOrganization,
  type PersonJsonOptions,
} from "../../../simulator/people-factory.js";

const PLAIN: PersonJsonOptions = {
  withStatus: true,
  sharingOff: false,
  roleLost: false,
  strangeStatus: "",
  booleansAsStrings: false,
};

describe("people factory", () => {
  const organization = createOrganization({ name: "Acme Works", persons: 1000, seed: 3 }, 0);

  it("creates the same organization from the same seed, with unique ids and addresses", () => {
    const repeated = createOrganization({ name: "Acme Works", persons: 1000, seed: 3 }, 0);
    expect(repeated.people.map((person) => person.id)).to.deep.equal(
      organization.people.map((person) => person.id),
    );
    expect(organization.byId.size).to.equal(organization.people.length);
    const addresses = organization.people.flatMap((person) =>
      person.emails.map((email) => email.toLowerCase()),
    );
    expect(organization.byEmail.size).to.equal(addresses.length);
  });

  it("counts bots separately from persons", () => {
    expect(organization.people.filter((person) => person.type === "person")).to.have.length(1000);
    expect(organization.people.filter((person) => person.type !== "person")).to.have.length(10);
    expect(createOrganization({ name: "A", persons: 5, bots: 0 }, 0).people).to.have.length(5);
  });

  it("writes persons in Webex's format", () => {
    const person = organization.people[5]!;
    person.status = "active";
    person.lastActivity = Date.parse("2026-03-04T10:00:00.120Z");
    const text = personJson(person, organization, PLAIN);
    const json = JSON.parse(text) as Record<string, unknown>;
    expect(text.length).to.be.within(900, 1600);
    expect(Buffer.from(json.id as string, "base64").toString()).to.match(
      /^ciscospark:\/\/us\/PEOPLE\/[0-9a-f-]{36}$/,
    );
    expect(json.id).not.to.contain("=");
    expect(json).to.include({
      status: "active",
      lastActivity: "2026-03-04T10:00:00.120Z",
      type: "person",
      loginEnabled: true,
    });
    expect(json.sipAddresses).to.have.length(3);
    const members =
      "emails phoneNumbers extension avatar orgId roles licenses department title created lastModified";
    expect(json).to.include.all.keys([
      ...members.split(" "),
      "siteUrls",
      "invitePending",
      "displayName",
      "firstName",
      "lastName",
    ]);
  });

  it("can omit presence and the role, and write booleans as strings", () => {
    const administrator = organization.administrator;
    administrator.status = "active";
    const read = (view: Partial<PersonJsonOptions>): Record<string, unknown> =>
      JSON.parse(personJson(administrator, organization, { ...PLAIN, ...view })) as Record<
        string,
        unknown
      >;
    expect(read({ withStatus: false })).not.to.have.any.keys("status", "lastActivity");
    expect(read({ sharingOff: true })).not.to.have.any.keys("status", "lastActivity");
    expect(read({ booleansAsStrings: true })).to.include({
      loginEnabled: "true",
      invitePending: "false",
    });
    expect(read({}).roles).to.deep.equal([
      Buffer.from("ciscospark://us/ROLE/id_full_admin").toString("base64").replaceAll("=", ""),
    ]);
    expect(read({ roleLost: true }).roles).to.deep.equal([]);
  });
});
