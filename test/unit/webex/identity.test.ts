import { expect } from "chai";

import { Secret } from "../../../src/faults/secret.js";
import { createIdentityApi, type IdentityApi } from "../../../src/webex/identity.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp } from "../../support/http-fake.js";
import { API, never, type Replies, restOptions } from "../../support/webex-harness.js";

const TOKEN = new Secret("on-trial");
const identityOver = (replies: Replies, requestedOrgs: string[] = []): IdentityApi =>
  createIdentityApi(restOptions(replies), (orgId) => requestedOrgs.push(orgId));

describe("IdentityApi", () => {
  it("sends the given token", async () => {
    const http = new ScriptedHttp([
      { body: { id: "P", orgId: "O" } },
      { body: { id: "O", displayName: "Corp", created: "2020" } },
    ]);
    const requestedOrgs: string[] = [];
    const identity = identityOver(http, requestedOrgs);
    expect((await identity.me(TOKEN, never)).orgId).to.equal("O");
    expect(await identity.organizationName(TOKEN, "O/1", never)).to.equal("Corp");
    expect(requestedOrgs).to.deep.equal(["O", "O/1"]);
    expect(http.requests.map((r) => [r.url, r.headers.Authorization])).to.deep.equal([
      [`${API}/people/me`, "Bearer on-trial"],
      [`${API}/organizations/O%2F1`, "Bearer on-trial"],
    ]);
  });

  it("does not retry when the token is rejected", async () => {
    const http = new ScriptedHttp([
      { status: 401, body: { message: "Bad token on-trial", trackingId: "T" } },
    ]);
    const fault = await faultOf(identityOver(http).me(TOKEN, never));
    expect(fault).to.include({ code: "unauthorized", trackingId: "T" });
    expect(fault.message).not.to.contain("on-trial");
  });

  it("lists the organizations that the token can see", async () => {
    const http = new ScriptedHttp([
      { body: { items: [{ id: "O", displayName: "Corp" }, { id: "Q" }] } },
      { body: {} },
    ]);
    const identity = identityOver(http);
    expect(await identity.organizations(TOKEN, never)).to.deep.equal([
      { orgId: "O", orgName: "Corp" },
      { orgId: "Q", orgName: "Q" },
    ]);
    expect(http.requests[0]?.url).to.equal(`${API}/organizations`);
    expect((await faultOf(identity.organizations(TOKEN, never))).code).to.equal("webexError");
  });

  it("keeps at most 1,024 characters of a name", async () => {
    const displayName = "é".repeat(5_000);
    const body = { id: "P", orgId: "O", displayName, items: [{ id: "O", displayName }] };
    const name = "é".repeat(1_024);
    expect(await identityOver([{ body }]).organizationName(TOKEN, "O", never)).to.equal(name);
    expect(await identityOver([{ body }]).organizations(TOKEN, never)).to.deep.equal([
      { orgId: "O", orgName: name },
    ]);
    expect((await identityOver([{ body }]).me(TOKEN, never)).displayName).to.equal(name);
  });

  it("names an organization without a name by its id", async () => {
    for (const body of [{}, { displayName: null }, { displayName: "" }, { displayName: 1 }]) {
      const identity = identityOver([{ body }]);
      expect(await identity.organizationName(TOKEN, "O", never)).to.equal("O");
    }
  });
});
