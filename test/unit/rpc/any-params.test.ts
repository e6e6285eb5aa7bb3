import { expect } from "chai";
import fc from "fast-check";

import { PARAMS, type MethodName } from "../../../src/rpc/params.js";
import { launchOn } from "../../support/rpc-server-fixture.js";
import { FakeChannel } from "../../support/channel-fake.js";

/** In every value, so that an answer that repeats one shows it. */
const MARK = "q7-never-repeated";
/** What a method may answer, besides its result. */
const CODES = [-32602, -32600, -32800, 1002, 1104, 1201];
/** These return what they are asked about. */
const ECHOING: readonly string[] = ["presence/get", "presence/getMany", "presence/subscribe"];

const MEMBERS = [
  "protocolVersion host name version licensed attendantConsole hostPid uri uris maxWaitMs",
  "maxAgeSeconds limit cursor states orgId all subscriptionId clientId clientSecret method",
  "refreshToken accessToken expiresIn refreshTokenExpiresIn scope password",
  "__proto__ constructor toString hasOwnProperty",
].flatMap((names) => names.split(" "));
const text = fc.constantFrom(MARK, `${MARK}\u0000`, ` ${MARK}`, `"${MARK}"`, `${MARK}@x.example`);
const leaf = fc.oneof(
  text,
  fc.constantFrom(null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, "", "1.0", "browser", "available"),
);
const value = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 4 }),
  fc.dictionary(fc.constantFrom(...MEMBERS), leaf, { maxKeys: 4 }),
);
const params = fc.oneof(
  { weight: 8, arbitrary: fc.dictionary(fc.constantFrom(...MEMBERS), value, { maxKeys: 8 }) },
  { weight: 1, arbitrary: value },
);

describe("parameters of any kind", () => {
  for (const method of Object.keys(PARAMS) as MethodName[]) {
    it(`of ${method} give a result or a documented error that repeats no value`, () =>
      fc.assert(
        fc.asyncProperty(params, async (any) => {
          const { channel, logger } = launchOn(new FakeChannel());
          // As JSON has it: `__proto__` is a member like any other.
          const parsed: unknown = JSON.parse(JSON.stringify(any));
          const pending = channel.request(method, parsed);
          channel.cancel(1);
          const { error, result } = await pending;
          if (error === undefined) {
            if (!ECHOING.includes(method)) expect(JSON.stringify(result)).not.to.contain(MARK);
            return;
          }
          expect(error.code).to.be.oneOf(CODES);
          expect(JSON.stringify(error)).not.to.contain(MARK);
          if (error.code === -32602)
            expect((error.data as { issues: unknown[] }).issues).to.have.length.above(0);
          expect(logger.text).not.to.contain("unexpectedly");
          expect(Object.keys(Object.prototype)).to.deep.equal([]);
        }),
        { numRuns: 60 },
      ));
  }
});
