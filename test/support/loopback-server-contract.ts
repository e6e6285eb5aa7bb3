import { expect } from "chai";

import type {
  ListenOnLoopback,
  LoopbackResponse,
  LoopbackHandler,
  LoopbackRequest,
  LoopbackServer,
} from "../../src/ports/loopback-server.js";
import { faultOf } from "./http-fixture.js";

export interface LoopbackReader {
  /** Resolves with the next event's data, or with null at the end of the stream. */
  next(): Promise<string | null>;
  disconnect(): void;
}

export interface LoopbackHarness {
  readonly listen: ListenOnLoopback;
  request(
    port: number,
    request: { method?: string; target: string; headers?: Record<string, string>; body?: string },
  ): Promise<{ status: number; headers: Record<string, string>; body: string }>;
  stream(port: number, target: string): Promise<LoopbackReader>;
}

export function loopbackServerContract(name: string, make: () => LoopbackHarness): void {
  describe(`LoopbackServer contract: ${name}`, () => {
    let harness: LoopbackHarness;
    let servers: LoopbackServer[] = [];
    const listen = async (handler: LoopbackHandler, port = 0): Promise<LoopbackServer> => {
      const server = await harness.listen(port, handler);
      servers.push(server);
      return server;
    };
    const page = (body: string, status = 200, headers = {}): LoopbackResponse => ({
      kind: "page",
      status,
      headers,
      body,
    });
    /** A stream that begins with "hello" and calls `onDispose` when it is disposed of. */
    const listenWithEvents = async (onDispose: () => void) => {
      let send: (data: string) => void = () => undefined;
      const open = (sender: typeof send) => {
        send = sender;
        sender("hello");
        return onDispose;
      };
      const server = await listen(async () => ({ kind: "events", headers: {}, open }));
      const reader = await harness.stream(server.port, "/events");
      expect(await reader.next()).to.equal("hello");
      return { server, reader, send: (data: string) => send(data) };
    };

    beforeEach(() => {
      harness = make();
    });

    afterEach(async () => {
      for (const server of servers) await server.close();
      servers = [];
    });

    it("passes method, target, headers and body to the handler, and returns its status, headers and body", async () => {
      const requests: LoopbackRequest[] = [];
      const server = await listen(async (request) => {
        requests.push(request);
        return page("grüß", 201, { "x-test": "yes", "content-type": "text/plain; charset=utf-8" });
      });
      const answer = await harness.request(server.port, {
        method: "POST",
        target: "/a/b?c=d&e=%2F",
        headers: { "X-Asked": "1", host: "example.test" },
        body: "k=ü",
      });
      expect(requests).to.have.length(1);
      expect(requests[0]).to.include({ method: "POST", target: "/a/b?c=d&e=%2F", body: "k=ü" });
      expect(requests[0]?.headers).to.include({ "x-asked": "1", host: "example.test" });
      expect(answer).to.include({ status: 201, body: "grüß" });
      expect(answer.headers["x-test"]).to.equal("yes");
    });

    it("responds with 413 to a body over 16 KiB without calling the handler, and accepts one of exactly 16 KiB", async () => {
      let handled = 0;
      const server = await listen(async () => {
        handled += 1;
        return page("ok");
      });
      const statusOf = async (length: number): Promise<number> => {
        const request = { method: "POST", target: "/", body: "x".repeat(length) };
        return (await harness.request(server.port, request)).status;
      };
      expect(await statusOf(16 * 1024 + 1)).to.equal(413);
      expect(handled).to.equal(0);
      expect(await statusOf(16 * 1024)).to.equal(200);
    });

    it("responds with 500 and a fixed text when the handler rejects", async () => {
      const server = await listen(() => Promise.reject(new Error("a secret text")));
      const answer = await harness.request(server.port, { target: "/" });
      expect(answer.status).to.equal(500);
      expect(answer.body).not.to.contain("secret");
    });

    it("rejects with portInUse and the port if it is taken, and frees it on close", async () => {
      const first = await listen(async () => page("first"));
      const fault = await faultOf(listen(async () => page("second"), first.port));
      expect(fault.code).to.equal("portInUse");
      expect(fault.data).to.deep.equal({ port: first.port, isReserved: false });
      await first.close();
      const second = await listen(async () => page("second"), first.port);
      expect((await harness.request(second.port, { target: "/" })).body).to.equal("second");
    });

    it("sends multi-line events as they come, and disposes when the client disconnects", async () => {
      let onDispose: () => void = () => undefined;
      const disposed = new Promise<void>((resolve) => (onDispose = resolve));
      const { reader, send } = await listenWithEvents(onDispose);
      send("one\ntwo");
      expect(await reader.next()).to.equal("one\ntwo");
      reader.disconnect();
      await disposed;
    });

    it("ends event streams at once on close, after the data sent so far, and disposes of them", async () => {
      let disposed = 0;
      const { server, reader, send } = await listenWithEvents(() => (disposed += 1));
      send("last event");
      const began = performance.now();
      await Promise.all([server.close(), server.close()]);
      expect(performance.now() - began).to.be.lessThan(400);
      expect(await reader.next()).to.equal("last event");
      expect(await reader.next()).to.equal(null);
      expect(disposed).to.equal(1);
    });

    it("completes a response in flight when it closes", async () => {
      const server: LoopbackServer = await listen(async () => {
        void server.close();
        return page("the last page".repeat(20_000));
      });
      const answer = await harness.request(server.port, { target: "/" });
      expect(answer.body).to.have.length("the last page".length * 20_000);
    });
  });
}
