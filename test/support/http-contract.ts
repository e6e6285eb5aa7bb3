import { expect } from "chai";

import type { Fault } from "../../src/faults/fault.js";
import type { Http, HttpRequest, HttpResponse } from "../../src/ports/http.js";
import { faultOf, getRequest } from "./http-fixture.js";

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

    type Path = Parameters<HttpHarness["url"]>[0];
    const send = (path: Path, changes: Partial<HttpRequest> = {}): Promise<HttpResponse> =>
      harness.http.send(getRequest(harness.url(path), changes));
    const text = ({ body }: HttpResponse): string => new TextDecoder().decode(body);

    it("resolves with any status", async () => {
      const response = await send("/teapot");
      expect([response.status, text(response)]).to.deep.equal([418, "short and stout"]);
    });

    it("returns header names in lower case and values unchanged", async () => {
      const { headers } = await send("/headers");
      expect(headers["x-mixed-case"]).to.equal("As It Is");
      expect(headers.link).to.equal('<https://a.example/?b=1>; rel="next"');
    });

    it("returns the bytes of the body", async () => {
      expect([...(await send("/bytes")).body]).to.deep.equal([0, 255, 128, 10, 13, 195]);
    });

    it("returns an empty body as no bytes", async () => {
      const { status, body } = await send("/empty");
      expect([status, body.length]).to.deep.equal([204, 0]);
    });

    it("sends a form unchanged", async () => {
      const [type, body] = ["application/x-www-form-urlencoded", "a=%20b&c=%C3%A9"];
      const response = await send("/echo", {
        method: "POST",
        headers: { "Content-Type": type },
        body,
      });
      expect(JSON.parse(text(response))).to.deep.equal({ method: "POST", body, type });
    });

    it("does not follow a redirect", async () => {
      const { status, headers } = await send("/redirect");
      expect([status, headers.location, harness.received()]).to.deep.equal([302, "/teapot", 1]);
    });

    it("rejects a body over maxBytes, and accepts one of exactly that length", async () => {
      expect((await faultOf(send("/long", { maxBytes: 9_999 }))).code).to.equal("webexError");
      expect((await send("/long", { maxBytes: 10_000 })).body.length).to.equal(10_000);
    });

    it("rejects at the deadline", async () => {
      const { code } = await faultOf(send("/silence", { timeoutMs: 60 }));
      expect(code).to.equal("webexUnreachable");
    });

    it("reports silence after half of its limit, and rejects at the limit", async () => {
      const reports: string[] = [];
      const onSilence = (fault: Fault): void => void reports.push(fault.code);
      const limits = { silenceTimeoutMs: 80, timeoutMs: 60_000, onSilence };
      expect((await faultOf(send("/silence", limits))).code).to.equal("webexUnreachable");
      expect(reports).to.deep.equal(["webexUnreachable"]);
      const { status } = await send("/teapot", { ...limits, silenceTimeoutMs: 10_000 });
      expect([status, reports.length]).to.deep.equal([418, 1]);
    });

    it("rejects at once when cancelled", async () => {
      const controller = new AbortController();
      const sending = send("/silence", { signal: controller.signal, timeoutMs: 60_000 });
      setTimeout(() => controller.abort(), 30);
      expect((await faultOf(sending)).code).to.equal("cancelled");
    });

    it("sends nothing if the signal has already fired", async () => {
      const { code } = await faultOf(send("/teapot", { signal: AbortSignal.abort() }));
      expect([code, harness.received()]).to.deep.equal(["cancelled", 0]);
    });

    it("reports a refused connection as unreachable", async () => {
      const { code } = await faultOf(harness.http.send(getRequest(harness.refusedUrl)));
      expect(code).to.equal("webexUnreachable");
    });

    it("cancels requests in flight when closed, and stays closed", async () => {
      const sending = send("/silence", { timeoutMs: 60_000 });
      setTimeout(() => harness.http.close(), 30);
      expect((await faultOf(sending)).code).to.equal("cancelled");
      harness.http.close();
      expect((await faultOf(send("/teapot"))).code).to.equal("cancelled");
    });
  });
}
