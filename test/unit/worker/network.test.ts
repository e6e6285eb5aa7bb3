import { expect } from "chai";
import sinon from "sinon";

import type { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import type { Http, HttpRequest, HttpRoute } from "../../../src/ports/http.js";
import { Network } from "../../../src/worker/network.js";

function request(signal = new AbortController().signal): HttpRequest {
  return { method: "GET", url: "https://webex.example/", headers: {}, timeoutMs: 1, maxBytes: 1, signal };
}

function bench() {
  const made: { route: HttpRoute; http: { send: sinon.SinonStub; close: sinon.SinonStub } }[] = [];
  const factory = (route: HttpRoute): Http => {
    const http = {
      send: sinon.stub().resolves({ status: 200, headers: {}, body: new Uint8Array() }),
      close: sinon.stub(),
    };
    made.push({ route, http });
    return http;
  };
  const network = new Network(factory);
  return { network, made };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "sent",
    (error: unknown) => (error as Fault).code,
  );
}

describe("worker/network", () => {
  const direct = { proxy: "none", certificates: null, proxyPassword: null };

  it("sends nothing before the settings are read, nor for a request that was called off", async () => {
    const { network, made } = bench();
    expect(await codeOf(network.send(request()))).to.equal("cancelled");
    network.apply(direct);
    expect(await codeOf(network.send(request(AbortSignal.abort())))).to.equal("cancelled");
    expect(made[0]?.http.send.called).to.equal(false);
    expect(await codeOf(network.send(request()))).to.equal("sent");
  });

  it("opens a new way, and closes the old one, exactly when something about it changed", async () => {
    const { network, made } = bench();
    network.apply(direct);
    network.apply({ ...direct });
    network.apply({ ...direct, proxy: "http://proxy:3128" });
    network.apply({ ...direct, proxy: "http://proxy:3128", proxyPassword: new Secret("p") });
    network.apply({ ...direct, proxy: "http://proxy:3128", proxyPassword: new Secret("p") });
    network.apply({ ...direct, proxy: "http://proxy:3128", proxyPassword: new Secret("q") });
    await network.send(request());
    expect(made.map(({ route }) => [route.proxy, route.proxyPassword?.reveal()])).to.deep.equal([
      ["none", undefined],
      ["http://proxy:3128", undefined],
      ["http://proxy:3128", "p"],
      ["http://proxy:3128", "q"],
    ]);
    expect(made.map(({ http }) => http.close.callCount)).to.deep.equal([1, 1, 1, 0]);
  });

  it("goes another way where other certificates are trusted, and says so", async () => {
    const { network, made } = bench();
    expect(network.apply({ ...direct, certificates: "PEM A" })).to.equal(false);
    expect(network.apply({ ...direct, certificates: "PEM A" })).to.equal(false);
    expect(network.apply({ ...direct, certificates: "PEM B" })).to.equal(true);
    expect(network.apply(direct)).to.equal(true);
    expect(made.map(({ route }) => route.extraCertificates)).to.deep.equal(["PEM A", "PEM B", null]);
  });
});
