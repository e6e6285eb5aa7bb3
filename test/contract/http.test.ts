import { text } from "node:stream/consumers";

import { Fault } from "../../src/faults/fault.js";
import { TestServer, closedPort, openHttp } from "../support/http-fixture.js";
import { ScriptedHttp } from "../support/http-fake.js";
import { CONTRACT_PATHS, httpContract } from "../support/http-contract.js";

const ORIGIN = "http://scripted.example";

httpContract("ScriptedHttp", async () => {
  const http = new ScriptedHttp((request) => {
    const { method, url, headers, body } = request;
    const { origin, pathname } = new URL(url);
    if (origin !== ORIGIN) return new Fault("webexUnreachable", "Refused.");
    if (pathname === "/silence") return "silence";
    if (pathname === "/echo") return { body: { method, body, type: headers["Content-Type"] } };
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
  const server = await new TestServer((request, response) => {
    const { method, url: path = "", headers } = request;
    if (path === "/silence") return;
    if (path === "/echo") {
      const respond = (body: string) =>
        response.end(JSON.stringify({ method, body, type: headers["content-type"] }));
      void text(request).then(respond);
      return;
    }
    const answer = CONTRACT_PATHS[path as keyof typeof CONTRACT_PATHS];
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }).start();
  const http = openHttp({ proxy: "" });
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
