import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { GATEWAY_FORMS, type GatewayForm } from "../../simulator/gateway-responses.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";

/** Status, title, `Server` and `Via` of each form; null: not sent. */
const EXPECTED: Readonly<
  Record<GatewayForm, readonly [number, string | null, string | null, string | null]>
> = {
  webServer: [502, "502 Bad Gateway", "nginx", null],
  proxy: [
    503,
    "ERROR: The requested URL could not be retrieved",
    "squid/5.7",
    "1.1 proxy.example (squid/5.7)",
  ],
  proxyAuthentication: [
    407,
    "ERROR: Cache Access Denied",
    "squid/5.7",
    "1.1 proxy.example (squid/5.7)",
  ],
  firewall: [403, "Web Page Blocked", null, null],
  captivePortal: [200, "Guest network: sign in", "portal", null],
  loadBalancer: [400, "400 Bad Request", "awselb/2.0", null],
  envoy: [503, null, "istio-envoy", null],
};

describe("simulator: a gateway that answers itself", () => {
  let webex: WebexSimulator;
  beforeEach(async () => {
    webex = new WebexSimulator({ organizations: [{ name: "Acme", persons: 3 }], speed: 0 });
    await webex.start();
  });
  afterEach(() => webex.stop());

  const refresh = (): Promise<Response> =>
    fetch(`${webex.apiUrl}/access_token`, {
      method: "POST",
      body: new URLSearchParams({
        client_id: webex.client.clientId,
        client_secret: webex.client.clientSecret,
        grant_type: "refresh_token",
        refresh_token: webex.issueGrant().refreshToken,
      }),
    });
  interface Answer {
    readonly status: number | undefined;
    readonly headers: IncomingMessage["headers"];
    readonly body: string;
  }
  /** Not by `fetch`, which takes a 407 for a failure of the network. */
  const list = async (): Promise<Answer> => {
    const headers = { authorization: `Bearer ${webex.issueGrant().accessToken}` };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${webex.apiUrl}/people`, { headers }, resolve).on("error", reject);
    });
    return {
      status: response.statusCode,
      headers: response.headers,
      body: await text(response),
    };
  };

  it("responds in each form, with its status, title and headers, and without a tracking ID", async () => {
    expect(Object.keys(EXPECTED)).to.have.members(Object.keys(GATEWAY_FORMS));
    for (const [form, [status, title, server, via]] of Object.entries(EXPECTED)) {
      webex.fail({ kind: "gateway", form: form as GatewayForm });
      const response = await list();
      const { server: actualServer = null, via: actualVia = null, trackingid } = response.headers;
      const actualTitle = /<title>(.*)<\/title>/.exec(response.body)?.[1] ?? null;
      expect(
        [response.status, actualTitle, actualServer, actualVia, trackingid],
        form,
      ).to.deep.equal([status, title, server, via, undefined]);
      expect(() => JSON.parse(response.body) as unknown, form).to.throw(SyntaxError);
    }
    expect((await list()).status).to.equal(200);
  });

  it("asks for authentication with 407", async () => {
    webex.fail({ kind: "gateway", form: "proxyAuthentication" });
    expect((await list()).headers["proxy-authenticate"]).to.equal('Basic realm="proxy.example"');
  });

  it("responds with another status on chosen paths only, such as the token endpoint", async () => {
    for (const status of [400, 401, 403, 404]) {
      webex.fail({ kind: "gateway", form: "firewall", status, path: "/v1/access_token" });
      expect((await list()).status).to.equal(200);
      const response = await refresh();
      expect([response.status, response.headers.get("content-type")]).to.deep.equal([
        status,
        "text/html",
      ]);
    }
    expect((await refresh()).status).to.equal(200);
  });

  it("sends the status in the page of a web server", async () => {
    webex.fail({ kind: "gateway", form: "webServer", status: 404 });
    expect((await list()).body).to.contain("<title>404 Not Found</title>");
  });

  it("is added by the control endpoint, which rejects an unknown form", async () => {
    const add = (fault: object): Promise<Response> =>
      fetch(`${webex.url}/simulator/faults`, { method: "POST", body: JSON.stringify(fault) });
    expect((await add({ kind: "gateway", form: "proxy", status: 403 })).status).to.equal(200);
    expect((await list()).status).to.equal(403);
    const rejected = await add({ kind: "gateway", form: "toString" });
    expect(rejected.status).to.equal(400);
    expect(((await rejected.json()) as { message: string }).message).to.contain("captivePortal");
  });
});
