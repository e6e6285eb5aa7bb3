import { expect } from "chai";
import sinon from "sinon";

import type { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import type { Http, HttpRequest, HttpRoute } from "../../../src/ports/http.js";
import { Network } from "../../../src/worker/network.js";
import { FakeClock, settle } from "../../support/clock-fake.js";

function request(signal = new AbortController().signal): HttpRequest {
  return {
    method: "GET",
    url: "https://webex.example/",
    headers: {},
    timeoutMs: 1,
    maxBytes: 1,
    signal,
  };
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
  const clock = new FakeClock();
  const network = new Network(factory, clock);
  return { network, made, clock };
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

  describe("with new tokens on their way", () => {
    const changed = { ...direct, proxy: "http://proxy:3128" };
    const asked = async () => {
      const { network, made, clock } = bench();
      network.apply(direct);
      await settle();
      let answer: (response: unknown) => void = () => undefined;
      made[0]?.http.send.returns(new Promise((resolve) => (answer = resolve)));
      const sent = network.send({ ...request(), isIrreplaceable: true });
      await settle();
      const closed = (): number[] => made.map(({ http }) => http.close.callCount);
      return { network, clock, sent, answer, closed };
    };

    it("closes the old way when they are there, and sends everything else by the new one at once", async () => {
      const { network, clock, sent, answer, closed } = await asked();
      network.apply(changed);
      await clock.advance(400);
      expect(closed()).to.deep.equal([0, 0]);
      expect(await codeOf(network.send(request()))).to.equal("sent");
      answer({ status: 200 });
      expect(await sent).to.deep.equal({ status: 200 });
      await settle();
      expect(closed()).to.deep.equal([1, 0]);
      expect(clock.pendingTimers).to.equal(0);
    });

    it("closes it without them when they do not come, and at once at the end", async () => {
      const late = await asked();
      late.network.apply(changed);
      await late.clock.advance(500);
      expect(late.closed()).to.deep.equal([1, 0]);
      const ended = await asked();
      ended.network.apply(changed);
      await settle();
      ended.network.close();
      await settle();
      expect(ended.closed()).to.deep.equal([1, 1]);
      expect(ended.clock.pendingTimers).to.equal(0);
    });
  });

  it("goes another way where other certificates are trusted, and says so", async () => {
    const { network, made } = bench();
    expect(network.apply({ ...direct, certificates: "PEM A" })).to.equal(false);
    expect(network.apply({ ...direct, certificates: "PEM A" })).to.equal(false);
    expect(network.apply({ ...direct, certificates: "PEM B" })).to.equal(true);
    expect(network.apply(direct)).to.equal(true);
    expect(made.map(({ route }) => route.extraCertificates)).to.deep.equal([
      "PEM A",
      "PEM B",
      null,
    ]);
  });
});
