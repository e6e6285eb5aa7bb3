import { expect } from "chai";

import type { Finding } from "../../../src/cli/doctor-finding.js";
import { webexChecks } from "../../../src/cli/doctor-webex-checks.js";
import { Fault } from "../../../src/faults/fault.js";
import { defaultSettings } from "../../../src/settings/keys.js";
import type { HttpResponse } from "../../../src/ports/http.js";
import {
  AuthorizationHarness,
  client,
  grantOf,
  neverAborted,
  orgA,
} from "../../support/authorization-fixture.js";

type Answer = Fault | { readonly status: number; readonly body: object };

/** What the checks find if Webex answers requests, and a refresh of the grant, like this. */
async function findings(
  answer: Answer,
  refresh?: Fault,
): Promise<Readonly<Record<string, Pick<Finding, "state" | "message" | "hint">>>> {
  const harness = new AuthorizationHarness();
  await harness.grantStore.setClient(client);
  await harness.grantStore.storeGrant(grantOf(orgA, "1", harness.clock.now()));
  if (refresh !== undefined) harness.oauth.outcomes.push(refresh);
  const { grantStore } = harness;
  const send = (): Promise<HttpResponse> => {
    if (answer instanceof Fault) return Promise.reject(answer);
    const body = new TextEncoder().encode(JSON.stringify(answer.body));
    return Promise.resolve({ status: answer.status, headers: {}, body });
  };
  const { scopes, orgName } = grantOf(orgA, "1", 0);
  const session = {
    account: "svc",
    settings: defaultSettings,
    network: { send, close: () => undefined },
    grantStore,
    createTokenSource: (orgId: string) => harness.tokenSource(orgId),
    authorizations: {
      client: () => client,
      grantStatuses: () => [{ orgId: orgA, orgName, scopes, fault: null }],
    },
  };
  const found: Record<string, Finding> = {};
  for (const { name, run } of webexChecks(session, neverAborted)) {
    const [finding] = [await harness.clock.until(Promise.resolve(run([])))].flat();
    if (finding !== undefined) found[name] = finding;
  }
  await grantStore.stop();
  return found;
}

const REJECTED: Answer = { status: 401, body: { message: "The token is not valid." } };
const refused = (error: string, hint: string): Fault =>
  new Fault("grantRefused", "Webex refused.", { status: 400, data: { error }, hint });

describe("cli/doctor: what Webex refuses", () => {
  it("blames the client, not the grant, if Webex rejects the client ID and secret", async () => {
    const found = await findings(REJECTED, refused("invalid_client", "Check the secret."));
    expect(found.client?.state).to.equal("failed");
    expect(found.client?.message).to.match(/rejects the client ID and client secret/);
    expect(found.client?.hint).to.include("ucx-webex-presence secret client");
    expect(found.grant).to.deep.include({ state: "skipped", hint: null });
    for (const name of ["grant", "role", "status sharing", "organization size"])
      expect(found[name]?.message, name).to.include("not checked: Webex rejects the client");
  });

  it("blames the grant, with the remedy for that refusal", async () => {
    const ended = await findings(REJECTED, refused("invalid_grant", "Authorize."));
    expect(ended.client?.state).to.equal("ok");
    expect(ended.grant?.state).to.equal("failed");
    expect(ended.grant?.hint).to.include("authorize again");
    for (const name of ["role", "status sharing", "organization size"])
      expect(ended[name]?.message, name).to.include("Webex does not accept the authorization");
    const limit = await findings(REJECTED, refused("tokenlimit_reached", "Revoke others."));
    expect(limit.grant).to.deep.include({ state: "failed", hint: "Revoke others." });
  });

  for (const [what, answer, reason] of [
    ["cannot be reached", new Fault("webexUnreachable", "No route."), "Webex cannot be reached"],
    ["fails", { status: 503, body: {} }, "Webex did not answer the grant check"],
    ["limits the rate", { status: 429, body: {} }, "Webex did not answer the grant check"],
  ] as const) {
    it(`does not blame the authorization if Webex ${what}`, async () => {
      const found = await findings(answer);
      expect(found.client?.state).to.equal("ok");
      expect(found.grant?.state).to.equal("failed");
      for (const name of ["role", "status sharing", "organization size"]) {
        expect(found[name]?.state, name).to.equal("skipped");
        expect(found[name]?.message, name).to.include(`not checked: ${reason}`);
      }
    });
  }
});
