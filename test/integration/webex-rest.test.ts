import { expect } from "chai";

import { Secret } from "../../src/faults/secret.js";
import { createAxiosHttp } from "../../src/platform/axios-http.js";
import type { Http } from "../../src/ports/http.js";
import { createPeopleApi, type PeopleApi } from "../../src/webex/people.js";
import { RestClient } from "../../src/webex/rest.js";
import { FakeClock } from "../support/clock-fake.js";
import { TestServer, faultOf } from "../support/http-fixture.js";
import { LimiterFake } from "../support/webex-harness.js";

describe("PeopleApi over a real connection", () => {
  const servers: TestServer[] = [];
  let http: Http;
  beforeEach(() => {
    http = createAxiosHttp({ proxy: "none", proxyPassword: null, extraCertificates: null });
  });
  afterEach(async () => {
    http.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  async function serve(listener: ConstructorParameters<typeof TestServer>[0]): Promise<TestServer> {
    const server = new TestServer(listener);
    servers.push(server);
    await server.start();
    return server;
  }

  function peopleAt(server: TestServer, limiter = new LimiterFake()): PeopleApi {
    const bearer = new Secret("top-secret-token");
    const tokens = { getToken: async () => bearer, replace: async () => null };
    return createPeopleApi(
      new RestClient(
        { apiUrl: server.url("/v1"), version: "1.0.0", http, clock: new FakeClock() },
        tokens,
        limiter,
      ),
      "org",
    );
  }

  it("follows the links of an organization verbatim", async () => {
    const server = await serve((request, response) => {
      const last = request.url?.includes("cursor") === true;
      const link = `<${server.url("/v1/people?max=2&cursor=a%2Fb,c")}>; rel="next"`;
      response.writeHead(200, {
        "Content-Type": "application/json",
        ...(!last && { Link: ["</help>; rel=help", link] }),
      });
      response.end(
        JSON.stringify({
          items: last
            ? [{ id: "3", displayName: "Žofie 🙂" }]
            : [{ id: "1" }, { id: "2", type: "bot" }],
        }),
      );
    });
    const people = peopleAt(server);
    const { signal } = new AbortController();
    const first = await people.listPage({ kind: "first", max: 2 }, signal);
    const second = await people.listPage({ kind: "next", url: first.next ?? "" }, signal);
    expect([
      first.items.length,
      first.items[1]?.read(),
      second.items[0]?.read()?.displayName,
      second.next,
    ]).to.deep.equal([2, null, "Žofie 🙂", null]);
    expect(server.requests.map((r) => r.url)).to.deep.equal([
      "/v1/people?max=2",
      "/v1/people?max=2&cursor=a%2Fb,c",
    ]);
    expect(server.requests.map((r) => r.headers.authorization)).to.deep.equal(
      Array(2).fill("Bearer top-secret-token"),
    );
  });

  it("counts each request that arrives, also where the server closed an idle connection", async () => {
    const requestsOf = new Map<unknown, number>();
    const server = await serve((request, response) => {
      const count = (requestsOf.get(request.socket) ?? 0) + 1;
      requestsOf.set(request.socket, count);
      if (count > 1) request.socket.resetAndDestroy();
      else response.end(JSON.stringify({ id: "1", orgId: "org" }));
    });
    const limiter = new LimiterFake();
    const people = peopleAt(server, limiter);
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i += 1) await people.me(signal);
    expect(server.requests).to.have.length(5);
    const count = (event: string): number => limiter.events.filter((e) => e === event).length;
    expect([count("admit"), count("answered"), count("failed")]).to.deep.equal([5, 5, 0]);
  });

  it("never sends the token to another origin, by link or by redirect", async () => {
    const foreign = await serve((_request, response) => response.end("{}"));
    const server = await serve((request, response) => {
      if (request.url === "/v1/people/me")
        response.writeHead(302, { Location: foreign.url("/v1/people/me") }).end();
      else
        response
          .writeHead(200, { Link: `<${foreign.url("/v1/people")}>; rel="next"` })
          .end('{"items":[]}');
    });
    const people = peopleAt(server);
    const { signal } = new AbortController();
    expect((await faultOf(people.me(signal))).code).to.equal("webexError");
    expect((await faultOf(people.listPage({ kind: "first", max: 1 }, signal))).code).to.equal(
      "webexError",
    );
    expect([server.requests.length, foreign.connections]).to.deep.equal([2, 0]);
  });
});
