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

function createHarness() {
  const created: { route: HttpRoute; http: { send: sinon.SinonStub; close: sinon.SinonStub } }[] =
    [];
  const factory = (route: HttpRoute): Http => {
    const http = {
      send: sinon.stub().resolves({ status: 200, headers: {}, body: new Uint8Array() }),
      close: sinon.stub(),
    };
    created.push({ route, http });
    return http;
  };
  const clock = new FakeClock();
  const network = new Network(factory, clock);
  return { network, created, clock };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "sent",
    (error: unknown) => (error as Fault).code,
  );
}

describe("worker/network", () => {
  const direct = { proxy: "none", certificates: null, proxyPassword: null };

  it("sends nothing before the settings are read, and no cancelled request", async () => {
    const { network, created } = createHarness();
    expect(await codeOf(network.send(request()))).to.equal("cancelled");
    network.apply(direct);
    expect(await codeOf(network.send(request(AbortSignal.abort())))).to.equal("cancelled");
    expect(created[0]?.http.send.called).to.equal(false);
    expect(await codeOf(network.send(request()))).to.equal("sent");
  });

  it("reconnects on the same route, and closes its previous connections", async () => {
    const { network, created } = createHarness();
    network.reconnect();
    expect(created).to.deep.equal([]);
    network.apply({ ...direct, proxy: "http://proxy:3128" });
    network.reconnect();
    expect(created.map(({ route }) => route.proxy)).to.deep.equal(
      Array.from({ length: 2 }, () => "http://proxy:3128"),
    );
    expect(created[0]?.http.close.called).to.equal(true);
    expect(await codeOf(network.send(request()))).to.equal("sent");
    expect(created[1]?.http.send.called).to.equal(true);
  });

  it("replaces the route if any part of it changed, and only then", async () => {
    const { network, created } = createHarness();
    network.apply(direct);
    network.apply({ ...direct });
    network.apply({ ...direct, proxy: "http://proxy:3128" });
    network.apply({ ...direct, proxy: "http://proxy:3128", proxyPassword: new Secret("p") });
    network.apply({ ...direct, proxy: "http://proxy:3128", proxyPassword: new Secret("p") });
    network.apply({ ...direct, proxy: "http://proxy:3128", proxyPassword: new Secret("q") });
    await network.send(request());
    expect(created.map(({ route }) => [route.proxy, route.proxyPassword?.reveal()])).to.deep.equal([
      ["none", undefined],
      ["http://proxy:3128", undefined],
      ["http://proxy:3128", "p"],
      ["http://proxy:3128", "q"],
    ]);
    expect(created.map(({ http }) => http.close.callCount)).to.deep.equal([1, 1, 1, 0]);
  });

  describe("with new tokens in flight", () => {
    const changed = { ...direct, proxy: "http://proxy:3128" };
    const sendTokens = async () => {
      const { network, created, clock } = createHarness();
      network.apply(direct);
      await settle();
      let respond: (response: unknown) => void = () => undefined;
      created[0]?.http.send.returns(new Promise((resolve) => (respond = resolve)));
      const sent = network.send({ ...request(), isIrreplaceable: true });
      await settle();
      const closed = (): number[] => created.map(({ http }) => http.close.callCount);
      return { network, clock, sent, respond, closed };
    };

    it("closes the previous route when they have arrived, and sends everything else on the new one", async () => {
      const { network, clock, sent, respond, closed } = await sendTokens();
      network.apply(changed);
      await clock.advance(400);
      expect(closed()).to.deep.equal([0, 0]);
      expect(await codeOf(network.send(request()))).to.equal("sent");
      respond({ status: 200 });
      expect(await sent).to.deep.equal({ status: 200 });
      await settle();
      expect(closed()).to.deep.equal([1, 0]);
      expect(clock.pendingTimers).to.equal(0);
    });

    it("closes it without them after half a second, or at once when the worker ends", async () => {
      const slow = await sendTokens();
      slow.network.apply(changed);
      await slow.clock.advance(500);
      expect(slow.closed()).to.deep.equal([1, 0]);
      const ended = await sendTokens();
      ended.network.apply(changed);
      await settle();
      ended.network.close();
      await settle();
      expect(ended.closed()).to.deep.equal([1, 1]);
      expect(ended.clock.pendingTimers).to.equal(0);
    });
  });

  it("replaces the route if other certificates are trusted, and reports it", async () => {
    const { network, created } = createHarness();
    expect(network.apply({ ...direct, certificates: "PEM A" })).to.equal(false);
    expect(network.apply({ ...direct, certificates: "PEM A" })).to.equal(false);
    expect(network.apply({ ...direct, certificates: "PEM B" })).to.equal(true);
    expect(network.apply(direct)).to.equal(true);
    expect(created.map(({ route }) => route.extraCertificates)).to.deep.equal([
      "PEM A",
      "PEM B",
      null,
    ]);
  });
});
