import { expect } from "chai";
import { inspect } from "node:util";

import { Secret } from "../../../src/faults/secret.js";
import { createIdentityApi } from "../../../src/webex/identity.js";
import { createOAuthApi } from "../../../src/webex/oauth.js";
import { createPeopleApi } from "../../../src/webex/people.js";
import { RestClient } from "../../../src/webex/rest.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp, type ScriptedResponse } from "../../support/http-fake.js";
import { ECHO_FORMS, ECHOED, findEcho } from "../../support/secret-echo-fixture.js";
import { LimiterFake, never, restOptions } from "../../support/webex-harness.js";

const OTHER = new Secret("another-secret-of-the-request");
const host = (echo: string): string => `${echo.replace(/[^a-z0-9]/gi, "").slice(0, 60)}.example`;

const escaped = (echo: string): string =>
  Array.from(echo, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
const peopleWith = (token: Secret, stored: readonly Secret[], reply: ScriptedResponse) => {
  const tokens = { getToken: async () => token, replace: async () => null };
  const options = { ...restOptions([reply]), storedSecrets: () => stored };
  return createPeopleApi(new RestClient(options, tokens, new LimiterFake()), "org");
};

/** Where a response can contain a secret. */
const PLACES: Readonly<Record<string, (echo: string) => ScriptedResponse>> = {
  "the title of a page": (echo) => ({ status: 403, body: `<title>Denied: ${echo}</title>` }),
  "a long title": (echo) => ({ status: 403, body: `<title>${"x ".repeat(35)}${echo}</title>` }),
  "a successful page": (echo) => ({ body: `<title>${echo}</title>` }),
  "a server error's page": (echo) => ({ status: 502, body: `<title>${echo}</title>` }),
  Server: (echo) => ({ status: 403, headers: { Server: echo } }),
  "a successful Server": (echo) => ({ body: "{", headers: { Server: echo } }),
  Via: (echo) => ({ status: 502, headers: { Via: `1.1 ${echo}` } }),
  "the message": (echo) => ({ status: 400, body: { message: `Bad ${echo}` } }),
  "the descriptions": (echo) => ({
    status: 400,
    body: { message: "Bad", errors: [{ description: echo }] },
  }),
  error: (echo) => ({ status: 400, body: { error: echo } }),
  error_description: (echo) => ({
    status: 400,
    body: { error: "invalid_grant", error_description: `Token ${echo}` },
  }),
  trackingId: (echo) => ({ status: 400, body: { message: "Bad", trackingId: echo } }),
  TrackingID: (echo) => ({ status: 503, headers: { TrackingID: echo } }),
  "a rate limit's TrackingID": (echo) => ({ status: 429, headers: { TrackingID: `T_${echo}` } }),
  "a successful administrator": (echo) => ({
    body: { id: "P", orgId: "O", displayName: `Adm ${echo}`, emails: [`${echo}@example.com`] },
  }),
  "the name of an organization": (echo) => ({
    body: { displayName: `Org ${echo}`, items: [{ id: "O", displayName: echo }] },
  }),
  "the names of organizations as JSON escapes": (echo) => ({
    body: `{"items":[{"id":"O","displayName":"${escaped(echo)}"}]}`,
  }),
  "a scope": (echo) => ({ body: { access_token: "AT", scope: `a ${echo} b` } }),
  "the host of a redirect": (echo) => ({
    status: 302,
    headers: { Location: `http://${host(echo)}/` },
  }),
};

describe("A secret that a response echoes", () => {
  for (const [place, respond] of Object.entries(PLACES)) {
    for (const [form, echo] of Object.entries(ECHO_FORMS)) {
      it(`does not come out of ${place}, ${form}`, async () => {
        const client = { clientId: "client", clientSecret: OTHER };
        const reply = respond(echo);
        const identity = () => createIdentityApi(restOptions([reply]), () => undefined);
        const oauth = () => createOAuthApi(restOptions([reply]));
        const storing = () =>
          createOAuthApi({ ...restOptions([reply]), storedSecrets: () => [ECHOED] });
        const withSecret = { ...client, clientSecret: ECHOED };
        for (const request of [
          () => peopleWith(ECHOED, [], reply).me(never),
          () => peopleWith(OTHER, [ECHOED], reply).listPage({ kind: "first", max: 1 }, never),
          () => identity().me(ECHOED, never),
          () => identity().organizationName(ECHOED, "O", never),
          () => identity().organizations(ECHOED, never),
          () => storing().authorizeDevice(client, "scope", never),
          () => oauth().refresh(client, ECHOED, never),
          () => oauth().refresh(withSecret, OTHER, never),
          () => oauth().pollDeviceToken(withSecret, OTHER, never),
          () => oauth().pollDeviceToken(client, ECHOED, never),
          () => oauth().revoke(withSecret, OTHER, never),
        ]) {
          // `pollDeviceToken` takes a rate limit for a result.
          const outcome = await request().catch((error: unknown) => error);
          expect(findEcho(inspect(outcome, { depth: 10, showHidden: true }))).to.equal(null);
        }
      });
    }
  }

  for (const form of Object.keys(ECHO_FORMS).filter((name) =>
    /^plain|percent|form|Base64/.test(name),
  ))
    it(`does not come out of a person, ${form}`, async () => {
      const person = { id: "P", displayName: `P ${ECHO_FORMS[form]} x`, emails: ["a@b.c"] };
      const reply = { body: { ...person, items: [person] } };
      for (const [token, stored] of [
        [ECHOED, []],
        [OTHER, [ECHOED]],
      ] as const) {
        const people = () => peopleWith(token, stored, reply);
        for (const request of [
          () => people().listPage({ kind: "first", max: 1 }, never),
          () => people().findByEmail("a@b.c", never),
          () => people().findById("P", never),
        ]) {
          const fault = await faultOf(request());
          expect(fault.code).to.equal("webexError");
          expect(fault.message).to.include("repeats a token");
          expect(findEcho(inspect(fault, { depth: 10, showHidden: true }))).to.equal(null);
        }
      }
    });

  for (const [form, echo] of Object.entries(ECHO_FORMS))
    it(`is not shown to a person who authorizes a device, ${form}`, async () => {
      const address = "https://v.example/";
      const device = { user_code: "1", verification_uri: address };
      for (const [deviceCode, stored] of [
        [ECHOED.reveal(), []],
        ["other", [ECHOED]],
      ] as const)
        for (const echoing of [
          { user_code: echo },
          { verification_uri: `${address}${echo}` },
          { verification_uri_complete: `${address}?code=${echo}` },
        ]) {
          const body = { device_code: deviceCode, ...device, ...echoing };
          const options = { ...restOptions([{ body }]), storedSecrets: () => stored };
          const client = { clientId: "client", clientSecret: OTHER };
          const fault = await faultOf(createOAuthApi(options).authorizeDevice(client, "s", never));
          expect(fault.code).to.equal("webexError");
          expect(findEcho(inspect(fault, { depth: 10, showHidden: true }))).to.equal(null);
        }
    });

  it("does not hide an id that a token contains a part of, as those of Webex do", async () => {
    const uuid = "1eb65fdf-9643-417f-9974-ad72cae0e10f";
    const orgId = Buffer.from(`ciscospark://us/ORGANIZATION/${uuid}`).toString("base64url");
    const token = new Secret(`ZDI3MGEyYzQtNmFlNS00NDNhLWFl_PF84_${uuid}`);
    const person = { id: "P", orgId, displayName: "Ann", emails: ["a@b.c"] };
    const reply = { body: { ...person, items: [person] } };
    const identity = () => createIdentityApi(restOptions([reply]), () => undefined);
    expect(await identity().me(token, never)).to.include({ orgId, displayName: "Ann" });
    expect(await identity().organizationName(token, orgId, never)).to.equal("Ann");
    const unnamed = createIdentityApi(restOptions([{ body: {} }]), () => undefined);
    expect(await unnamed.organizationName(token, orgId, never)).to.equal(orgId);
    const page = await peopleWith(token, [], reply).listPage({ kind: "first", max: 1 }, never);
    expect(page.items).to.have.length(1);
  });

  it("may contain half of a character", async () => {
    const client = { clientId: "client", clientSecret: OTHER };
    const body = { access_token: "half \ud800 of a character", scope: "a" };
    const tokens = await createOAuthApi(restOptions([{ body }])).refresh(client, OTHER, never);
    expect(tokens.scopes).to.deep.equal(["a"]);
  });

  it("costs neither the tokens nor the other scopes", async () => {
    const scope = `a ${ECHOED.reveal()} b refresh-token-of-this-response`;
    const body = { access_token: "AT", refresh_token: "refresh-token-of-this-response", scope };
    const client = { clientId: "client", clientSecret: OTHER };
    const tokens = await createOAuthApi(restOptions([{ body }])).refresh(client, ECHOED, never);
    expect(tokens.scopes).to.deep.equal(["a", "b"]);
    expect(tokens.accessToken.reveal()).to.equal("AT");
  });

  it("does not come out of the link to the next page", async () => {
    const headers = { Link: `<http://${host(ECHOED.reveal())}/>; rel="next"` };
    const tokens = { getToken: async () => ECHOED, replace: async () => null };
    const http = new ScriptedHttp([{ headers, body: { items: [] } }]);
    const rest = new RestClient(restOptions(http), tokens, new LimiterFake());
    const fault = await faultOf(
      createPeopleApi(rest, "org").listPage({ kind: "first", max: 1 }, never),
    );
    expect(fault.message).to.contain("points to another server");
    expect(findEcho(inspect(fault))).to.equal(null);
  });

  it("leaves a tracking ID, a server and a message that contain none of it", async () => {
    const headers = { Server: "squid/5.7", TrackingID: "ROUTER_5F3A-01BB" };
    const reply = { status: 401, headers, body: { message: "The token is bad." } };
    const fault = await faultOf(
      createOAuthApi(restOptions([reply])).refresh(
        { clientId: "client", clientSecret: OTHER },
        ECHOED,
        never,
      ),
    );
    expect([fault.message, fault.trackingId]).to.deep.equal([
      "Webex rejected the authorization (401): The token is bad.",
      "ROUTER_5F3A-01BB",
    ]);
  });
});
