import { expect } from "chai";

import { Secret } from "../../../src/faults/secret.js";
import { likelyApiUrl } from "../../../src/webex/api-address.js";
import { createIdentityApi } from "../../../src/webex/identity.js";
import { createOAuthApi } from "../../../src/webex/oauth.js";
import { createPeopleApi } from "../../../src/webex/people.js";
import { RestClient } from "../../../src/webex/rest.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp, type ScriptedResponse } from "../../support/http-fake.js";
import { CLOCK, LimiterFake, never, TokenSourceFake } from "../../support/webex-harness.js";

const TOKEN = new Secret("on-trial");
const CLIENT = { clientId: "client", clientSecret: new Secret("secret") };
const LIKELY = "https://webexapis.com/v1";

describe("the address of the API", () => {
  for (const [apiUrl, likely] of [
    [LIKELY, LIKELY],
    ["https://webexapis.com", LIKELY],
    ["https://webexapis.com/v2", LIKELY],
    ["https://webexapis.com/v1/people", LIKELY],
    ["https://webexapis.com/api", LIKELY],
    ["https://developer.webex.com/docs", LIKELY],
    ["https://api.ciscospark.com", "https://api.ciscospark.com/v1"],
    ["https://proxy.example/webex", "https://proxy.example/webex/v1"],
    ["https://proxy.example/webex/v1", "https://proxy.example/webex/v1"],
    ["https://proxy.example/webex/v1/people/me", "https://proxy.example/webex/v1"],
    ["https://proxy.example/webex/people", "https://proxy.example/webex/v1"],
    ["http://127.0.0.1:8470/V2", "http://127.0.0.1:8470/v1"],
  ] as const) {
    it(`is probably ${likely} where the setting is ${apiUrl}`, () => {
      expect(likelyApiUrl(apiUrl)).to.equal(likely);
    });
  }

  const requests = {
    "the owner of a token": (options: Options) =>
      createIdentityApi(options, () => undefined).me(TOKEN, never),
    "the organizations of a token": (options: Options) =>
      createIdentityApi(options, () => undefined).organizations(TOKEN, never),
    "the first page of people": (options: Options) =>
      peopleApi(options).listPage({ kind: "first", max: 1_000 }, never),
    "the own record": (options: Options) => peopleApi(options).me(never),
    "a refresh": (options: Options) => createOAuthApi(options).refresh(CLIENT, TOKEN, never),
    "a device code": (options: Options) =>
      createOAuthApi(options).authorizeDevice(CLIENT, "scope", never),
    "the exchange of a code": (options: Options) =>
      createOAuthApi(options).exchangeCode(
        CLIENT,
        { code: TOKEN, redirectUri: "http://localhost", codeVerifier: TOKEN },
        never,
      ),
  };
  const html = "<!doctype html><title>Webex for Developers</title>";
  const responses: Record<string, ScriptedResponse> = {
    "a 404 of Webex": { status: 404, body: { message: "Not found.", trackingId: "T" } },
    "a 404 page": { status: 404, body: html },
    "an empty 404": { status: 404 },
    "a 405": { status: 405, body: { message: "Not allowed." } },
    "a page": { status: 200, body: html },
    "other JSON": { status: 200, body: { hello: "world" } },
    "a redirect to a portal": { status: 302, headers: { location: "https://portal.example/" } },
  };
  for (const [requestName, request] of Object.entries(requests)) {
    for (const [responseName, response] of Object.entries(responses)) {
      it(`is named, with the likely one, where ${requestName} gets ${responseName}`, async () => {
        const fault = await faultOf(request(optionsFor("https://webexapis.com", response)));
        expect(fault).to.include({ code: "webexError", kind: "transient" });
        expect(fault.message)
          .to.include("WebexPresence.ApiUrl=https://webexapis.com;")
          .and.to.include(`probably ${LIKELY}.`);
        expect(fault.hint).to.include(`Set WebexPresence.ApiUrl=${LIKELY}`);
        const other = await faultOf(request(optionsFor(LIKELY, response)));
        expect(`${other.message} ${other.hint}`).not.to.include("probably");
      });
    }
  }

  it("is not blamed for other failures", async () => {
    for (const status of [400, 401, 403, 429, 500, 503]) {
      const response = { status, body: { message: "No.", trackingId: "T" } };
      const fault = await faultOf(
        requests["the owner of a token"](optionsFor("https://webexapis.com", response)),
      );
      expect(fault.message, String(status)).not.to.include("ApiUrl");
    }
  });

  it("is named where a redirect demands https", async () => {
    const response = { status: 301, headers: { location: "https://localhost:8443/v1/people/me" } };
    const request = requests["the owner of a token"];
    const fault = await faultOf(request(optionsFor("http://localhost:8080/v1", response)));
    expect(fault.message).to.include("https://localhost:8443");
    expect(fault.hint).to.include("begins with https://localhost:8443.");
  });
});

type Options = ReturnType<typeof optionsFor>;

function optionsFor(apiUrl: string, response: ScriptedResponse) {
  return { apiUrl, version: "1", http: new ScriptedHttp(() => response), clock: CLOCK };
}

function peopleApi(options: Options) {
  return createPeopleApi(new RestClient(options, new TokenSourceFake(), new LimiterFake()), "org");
}
