import { expect } from "chai";
import sinon from "sinon";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import type { Http, HttpRequest, HttpRoute } from "../../../src/ports/http.js";
import { Network } from "../../../src/worker/network.js";
import { RecordingLogger } from "../../support/recording-logger.js";

const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

function request(signal = new AbortController().signal): HttpRequest {
  return { method: "GET", url: "https://webex.example/", headers: {}, timeoutMs: 1, maxBytes: 1, signal };
}

function bench(readTextFile: (path: string) => Promise<string> = () => Promise.resolve(PEM)) {
  const made: { route: HttpRoute; http: { send: sinon.SinonStub; close: sinon.SinonStub } }[] = [];
  const factory = (route: HttpRoute): Http => {
    const http = {
      send: sinon.stub().resolves({ status: 200, headers: {}, body: new Uint8Array() }),
      close: sinon.stub(),
    };
    made.push({ route, http });
    return http;
  };
  const network = new Network(factory, readTextFile, new RecordingLogger());
  return { network, made };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "sent",
    (error: unknown) => (error as Fault).code,
  );
}

describe("worker/network", () => {
  const direct = { proxy: "none", caFile: null, proxyPassword: null };

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

  it("trusts the certificates of the file; a file that cannot be used is told and not used", async () => {
    const files: Record<string, string> = { "good.pem": PEM, "bad.pem": "no certificate" };
    const { network, made } = bench((path) => {
      const text = files[path];
      return text === undefined
        ? Promise.reject(new Fault("refused", "The file cannot be read (ENOENT)."))
        : Promise.resolve(text);
    });
    const changed = sinon.spy();
    network.changed.subscribe(changed);
    const problemWith = async (caFile: string | null): Promise<string | null> => {
      network.apply({ ...direct, caFile });
      await network.send(request());
      return network.caProblem;
    };
    expect(await problemWith("good.pem")).to.equal(null);
    expect(made.at(-1)?.route.extraCertificates).to.equal(PEM);
    expect(await problemWith("bad.pem")).to.include("no PEM certificate");
    expect(made.at(-1)?.route.extraCertificates).to.equal(null);
    expect(await problemWith("gone.pem")).to.include("ENOENT");
    expect(await problemWith(null)).to.equal(null);
    expect(changed.callCount).to.equal(3);
  });
});
