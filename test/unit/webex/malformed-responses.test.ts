import { expect } from "chai";
import fc from "fast-check";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import { createIdentityApi } from "../../../src/webex/identity.js";
import { createOAuthApi } from "../../../src/webex/oauth.js";
import { ScriptedHttp } from "../../support/http-fake.js";
import { never, peopleOver, restOptions } from "../../support/webex-harness.js";

const TOKEN = new Secret("token");
const CLIENT = { clientId: "client", clientSecret: TOKEN };
const MEMBERS = [
  "id orgId type displayName userName emails sipAddresses status roles items",
  "message errors error trackingId access_token refresh_token expires_in scope",
  "device_code user_code verification_uri interval",
].flatMap((names) => names.split(" "));
const identity = (http: ScriptedHttp) => createIdentityApi(restOptions(http), () => undefined);
const oauth = (http: ScriptedHttp) => createOAuthApi(restOptions(http));

const REQUESTS: Record<string, (http: ScriptedHttp) => Promise<unknown>> = {
  "a page of people": async (http) => {
    const page = await peopleOver(http).listPage({ kind: "first", max: 1 }, never);
    return page.items.map((item) => item.read());
  },
  "people by e-mail": (http) => peopleOver(http).findByEmail("a@x.example", never),
  "a person": (http) => peopleOver(http).findById("1", never),
  "people/me": (http) => identity(http).me(TOKEN, never),
  organizations: (http) => identity(http).organizations(TOKEN, never),
  "an organization": (http) => identity(http).organizationName(TOKEN, "O", never),
  tokens: (http) => oauth(http).refresh(CLIENT, TOKEN, never),
  "a device authorization": (http) => oauth(http).authorizeDevice(CLIENT, "scope", never),
  "a device token": (http) => oauth(http).pollDeviceToken(CLIENT, TOKEN, never),
};

const member = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, "", "x", 1, [null]));
const item = fc.oneof(fc.dictionary(fc.constantFrom(...MEMBERS), member), member);
const status = fc.constantFrom(200, 200, 400, 401, 403, 428, 500);
const body = fc.oneof(
  fc.array(item).map((items) => ({ items })),
  item,
);

describe("A response that Webex should not send", () => {
  for (const [name, request] of Object.entries(REQUESTS)) {
    it(`as ${name} is decoded or a fault, never a defect`, () =>
      fc.assert(
        fc.asyncProperty(status, body, async (code, value) => {
          const response = { status: code, body: JSON.stringify(value) };
          try {
            await request(new ScriptedHttp([response, response]));
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
            if (code === 200) expect(error.code).to.equal("webexError");
          }
        }),
      ));
  }

  for (const entry of [null, "O", 1, ["O"], {}, { id: 1 }, { id: "" }, { id: null }]) {
    it(`is a webexError for the organization ${JSON.stringify(entry)}`, async () => {
      const http = new ScriptedHttp([{ body: { items: [{ id: "O" }, entry] } }]);
      const error: unknown = await identity(http)
        .organizations(TOKEN, never)
        .catch((e: unknown) => e);
      expect(error).to.be.instanceOf(Fault).with.property("code", "webexError");
    });
  }
});
