import { expect } from "chai";

import { Fault } from "../../src/faults/fault.js";
import type { Http } from "../../src/ports/http.js";
import { getRequest } from "./http-fixture.js";

/** The responses that each suite's server gives. */
export const CONTRACT_PATHS = {
  "/teapot": { status: 418, headers: {}, body: "short and stout" },
  "/headers": {
    status: 200,
    headers: { "X-Mixed-Case": "As It Is", Link: '<https://a.example/?b=1>; rel="next"' },
    body: "{}",
  },
  "/bytes": { status: 200, headers: {}, body: Uint8Array.from([0, 255, 128, 10, 13, 195]) },
  "/redirect": { status: 302, headers: { Location: "/teapot" }, body: "" },
  "/empty": { status: 204, headers: {}, body: "" },
  "/long": { status: 200, headers: {}, body: "x".repeat(10_000) },
} as const;

export interface HttpHarness {
  readonly http: Http;
  /** Also `/silence` (no response) and `/echo` (method, body and content type as JSON). */
  url(path: keyof typeof CONTRACT_PATHS | "/silence" | "/echo"): string;
  readonly refusedUrl: string;
  /** The number of requests received. */
  received(): number;
  stop(): Promise<void>;
}

export function httpContract(name: string, open: () => Promise<HttpHarness>): void {
  describe(`Http contract: ${name}`, () => {
    let harness: HttpHarness;
    beforeEach(async () => {
      harness = await open();
    });
    afterEach(() => harness.stop());

    it("resolves with any status", async () => {
      const answer = await harness.http.send(getRequest(harness.url("/teapot")));
      expect(answer.status).to.equal(418);
      expect(new TextDecoder().decode(answer.body)).to.equal("short and stout");
    });

    it("returns header names in lower case and values unchanged", async () => {
      const { headers } = await harness.http.send(getRequest(harness.url("/headers")));
      expect(headers["x-mixed-case"]).to.equal("As It Is");
      expect(headers.link).to.equal('<https://a.example/?b=1>; rel="next"');
    });

    it("returns the bytes of the body", async () => {
      const { body } = await harness.http.send(getRequest(harness.url("/bytes")));
      expect([...body]).to.deep.equal([0, 255, 128, 10, 13, 195]);
    });

    it("returns an empty body as no bytes", async () => {
      const { status, body } = await harness.http.send(getRequest(harness.url("/empty")));
      expect([status, body.length]).to.deep.equal([204, 0]);
    });

    it("sends a form unchanged", async () => {
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      const answer = await harness.http.send(
        getRequest(harness.url("/echo"), { method: "POST", headers, body: "a=%20b&c=%C3%A9" }),
      );
      const echo: unknown = JSON.parse(new TextDecoder().decode(answer.body));
      expect(echo).to.deep.equal({
        method: "POST",
        body: "a=%20b&c=%C3%A9",
        type: "application/x-www-form-urlencoded",
      });
    });

    it("does not follow a redirect", async () => {
      const answer = await harness.http.send(getRequest(harness.url("/redirect")));
      expect([answer.status, answer.headers.location, harness.received()]).to.deep.equal([
        302,
        "/teapot",
        1,
      ]);
    });

    it("rejects a body over maxBytes, and accepts one of exactly that length", async () => {
      expect(
        await codeOf(harness.http.send(getRequest(harness.url("/long"), { maxBytes: 9_999 }))),
      ).to.equal("webexError");
      const whole = await harness.http.send(getRequest(harness.url("/long"), { maxBytes: 10_000 }));
      expect(whole.body.length).to.equal(10_000);
    });

    it("rejects at the deadline", async () => {
      expect(
        await codeOf(harness.http.send(getRequest(harness.url("/silence"), { timeoutMs: 60 }))),
      ).to.equal("webexUnreachable");
    });

    it("rejects at once when cancelled", async () => {
      const controller = new AbortController();
      const sending = harness.http.send(
        getRequest(harness.url("/silence"), { signal: controller.signal, timeoutMs: 60_000 }),
      );
      setTimeout(() => controller.abort(), 30);
      expect(await codeOf(sending)).to.equal("cancelled");
    });

    it("sends nothing if the signal has already fired", async () => {
      const signal = AbortSignal.abort();
      expect(
        await codeOf(harness.http.send(getRequest(harness.url("/teapot"), { signal }))),
      ).to.equal("cancelled");
      expect(harness.received()).to.equal(0);
    });

    it("reports a refused connection as unreachable", async () => {
      expect(await codeOf(harness.http.send(getRequest(harness.refusedUrl)))).to.equal(
        "webexUnreachable",
      );
    });

    it("cancels requests in flight when closed, and stays closed", async () => {
      const sending = harness.http.send(getRequest(harness.url("/silence"), { timeoutMs: 60_000 }));
      setTimeout(() => harness.http.close(), 30);
      expect(await codeOf(sending)).to.equal("cancelled");
      harness.http.close();
      expect(await codeOf(harness.http.send(getRequest(harness.url("/teapot"))))).to.equal(
        "cancelled",
      );
    });
  });
}

async function codeOf(sending: Promise<unknown>): Promise<string> {
  try {
    await sending;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return "answered";
}
