import { expect } from "chai";
import { inspect } from "node:util";

import { Secret } from "../../../src/faults/secret.js";
import { createOAuthApi } from "../../../src/webex/oauth.js";
import { createPeopleApi } from "../../../src/webex/people.js";
import { RestClient } from "../../../src/webex/rest.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp, type ScriptedResponse } from "../../support/http-fake.js";
import { ECHO_FORMS, ECHOED, findEcho } from "../../support/secret-echo-fixture.js";
import { LimiterFake, never, restOptions } from "../../support/webex-harness.js";

const OTHER = new Secret("another-secret-of-the-request");
const host = (echo: string): string => `${echo.replace(/[^a-z0-9]/gi, "").slice(0, 60)}.example`;

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
        const peopleWith = (token: Secret, stored: readonly Secret[]) => {
          const tokens = { getToken: async () => token, replace: async () => null };
          const options = { ...restOptions([reply]), storedSecrets: () => stored };
          return createPeopleApi(new RestClient(options, tokens, new LimiterFake()), "org");
        };
        const oauth = () => createOAuthApi(restOptions([reply]));
        const withSecret = { ...client, clientSecret: ECHOED };
        for (const request of [
          () => peopleWith(ECHOED, []).me(never),
          () => peopleWith(OTHER, [ECHOED]).listPage({ kind: "first", max: 1 }, never),
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
