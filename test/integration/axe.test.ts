import { expect } from "chai";
import type { Browser } from "playwright-core";

import { AuthorizationPage } from "../../src/authorization/page/authorization-page.js";
import {
  attemptFromFault,
  attemptFromError,
  type PageNotice,
  type PageModel,
} from "../../src/authorization/page/page-model.js";
import { INVALID_KEY } from "../../src/authorization/browser-flow.js";
import { readAsset } from "../../src/platform/node-process.js";
import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import type { LoopbackServer } from "../../src/ports/loopback-server.js";
import { authorizationOf, faultOf } from "../support/authorization-flow-fixture.js";
import { findSeriousViolations } from "../support/axe-fixture.js";
import { launchChromium } from "../support/browser-flow-http-harness.js";

const ACME = authorizationOf("Acme");
const BETA = authorizationOf("Beta", { state: "required" });
const MODEL: PageModel = {
  key: "key",
  clientId: `C${"4f1b0e7a9d24c6f8".repeat(4)}`,
  unlikelyApiUrl: null,
  phase: "open",
  endReason: null,
  attempt: { kind: "none" },
  organizations: [],
  notices: [],
  retriedOrgIds: new Set(),
  remainingSeconds: 600,
};
const notice = (
  code: string,
  severity: PageNotice["severity"],
  orgId: string | null,
): PageNotice => ({
  code,
  severity,
  message: "Webex refuses to list the users of this organization.",
  hint: "Give that user the Full Admin role back in Control Hub.",
  orgId,
});
const MODELS: Readonly<Record<string, PageModel>> = {
  required: MODEL,
  "required again": { ...MODEL, organizations: [ACME, BETA] },
  waiting: { ...MODEL, attempt: { kind: "waiting" } },
  finishing: { ...MODEL, attempt: { kind: "finishing" } },
  authorized: {
    ...MODEL,
    attempt: { kind: "authorized", authorization: ACME },
    organizations: [ACME],
  },
  "authorized without presence": {
    ...MODEL,
    attempt: { kind: "authorized", authorization: ACME },
    organizations: [ACME],
    notices: [notice("adminRoleLost", "error", ACME.orgId), notice("webexError", "warning", null)],
  },
  denied: {
    ...MODEL,
    attempt: attemptFromError("access_denied", "The resource owner denied the request."),
  },
  failed: { ...MODEL, attempt: attemptFromError("invalid_scope", null) },
  "keychain locked": { ...MODEL, attempt: attemptFromFault(faultOf("keychainLocked"), true) },
  expired: { ...MODEL, phase: "expired" },
  cancelled: { ...MODEL, phase: "cancelled" },
  completed: { ...MODEL, phase: "completed", organizations: [ACME] },
};

describe("accessibility of the authorization page", function () {
  this.timeout(120_000);
  let browser: Browser | null = null;
  let server: LoopbackServer | null = null;

  before(async function () {
    browser = await launchChromium(this);
    const page = await AuthorizationPage.load(readAsset, () => "nonce");
    server = await listenOnLoopback(0, ({ target }) => {
      const model = MODELS[decodeURIComponent(target.slice(1))];
      return Promise.resolve(
        model === undefined ? page.rejection(INVALID_KEY) : page.document(model, 200),
      );
    });
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  for (const width of [1280, 320]) {
    for (const colorScheme of ["light", "dark"] as const) {
      it(`has no serious violation in any state at ${width} px, ${colorScheme}, and does not scroll sideways`, async () => {
        const context = await browser!.newContext({
          viewport: { width, height: 720 },
          colorScheme,
          reducedMotion: "reduce",
        });
        const page = await context.newPage();
        for (const state of [...Object.keys(MODELS), "rejected"]) {
          await page.goto(`http://localhost:${server!.port}/${encodeURIComponent(state)}`);
          expect(await findSeriousViolations(page), state).to.deep.equal([]);
          expect(
            await page.evaluate<number>("document.documentElement.scrollWidth"),
            state,
          ).to.be.at.most(width);
        }
        await context.close();
      });
    }
  }
});
