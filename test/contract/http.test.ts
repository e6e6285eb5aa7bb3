import { createAxiosHttp } from "../../src/platform/axios-http.js";
import { Fault } from "../../src/faults/fault.js";
import { TestServer, closedPort } from "../support/http-fixture.js";
import { ScriptedHttp } from "../support/http-fake.js";
import { CONTRACT_PATHS, httpContract } from "../support/http-contract.js";

const ORIGIN = "http://scripted.example";

httpContract("ScriptedHttp", async () => {
  const http = new ScriptedHttp((request) => {
    const { origin, pathname } = new URL(request.url);
    if (origin !== ORIGIN) return new Fault("webexUnreachable", "Refused.");
    if (pathname === "/silence") return "silence";
    if (pathname === "/echo")
      return {
        body: { method: request.method, body: request.body, type: request.headers["Content-Type"] },
      };
    return CONTRACT_PATHS[pathname as keyof typeof CONTRACT_PATHS];
  });
  return {
    http,
    url: (path) => ORIGIN + path,
    refusedUrl: "http://refused.example/",
    received: () => http.requests.length,
    stop: async () => undefined,
  };
});

httpContract("AxiosHttp", async () => {
  const server = new TestServer((request, response) => {
    const path = request.url ?? "";
    if (path === "/silence") return;
    if (path === "/echo") {
      let body = "";
      request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      request.on("end", () =>
        response.end(
          JSON.stringify({ method: request.method, body, type: request.headers["content-type"] }),
        ),
      );
      return;
    }
    const answer = CONTRACT_PATHS[path as keyof typeof CONTRACT_PATHS];
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await server.start();
  const http = createAxiosHttp({ proxy: "", proxyPassword: null, extraCertificates: null });
  const refusedUrl = `http://127.0.0.1:${await closedPort()}/`;
  return {
    http,
    url: (path) => server.url(path),
    refusedUrl,
    received: () => server.requests.length,
    stop: async () => {
      http.close();
      await server.stop();
    },
  };
});
