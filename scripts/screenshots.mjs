// Takes a screenshot of each state of the authorization page and of the dashboard, wide and narrow,
// light and dark, and writes it to build/screenshots. Requires Chromium, the build, and what has
// been compiled, in build/ or in the directory that is passed as an argument.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

import { takeDashboardScreenshots } from "./dashboard-screenshots.mjs";

const compiled = resolve(process.argv[2] ?? "build");
const out = resolve("build/screenshots");
const load = (path) => import(pathToFileURL(resolve(compiled, "src", path)).href);
const { AuthorizationPage } = await load("authorization/page/authorization-page.js");
const { attemptFromError, attemptFromFault } = await load("authorization/page/page-model.js");
const { INVALID_KEY } = await load("authorization/browser-flow.js");
const { readAsset } = await load("platform/node-process.js");
const { Fault } = await load("faults/fault.js");
const { listenOnLoopback } = await load("platform/loopback-server.js");

const scopes = ["spark-admin:people_read", "spark-admin:organizations_read"];
const acme = {
  orgId: "acme",
  orgName: "Acme Corporation",
  authorizedBy: "Ada Admin",
  scopes,
  grantedAt: "2026-11-01T09:00:00Z",
  accessTokenExpiresAt: "2026-11-15T09:00:00Z",
  refreshTokenExpiresAt: "2027-01-30T09:00:00Z",
  state: "valid",
};
const beta = { ...acme, orgId: "beta", orgName: "Beta Logistics", state: "required" };
const model = {
  key: "key",
  clientId: "C4f1b0e7a9d24c6f8b3e5a7d9c1f2b4a6e8d0c3f5b7a9e1d3c5f7b9a1e3d5c7f9",
  unlikelyApiUrl: null,
  phase: "open",
  attempt: { kind: "none" },
  organizations: [],
  notices: [],
  retriedOrgIds: new Set(),
  remainingSeconds: 581,
};
const sharingOff = {
  code: "statusSharingOff",
  severity: "error",
  message: "Webex shares no status with the administrator who authorized.",
  hint: "Have that administrator switch on “Share my status” in the Webex app’s privacy settings.",
  orgId: "acme",
};
const lockedKeychain = new Fault("keychainLocked", "The keychain of the account ucx is locked.", {
  hint: "Unlock it.",
});

const pages = {
  required: model,
  waiting: { ...model, attempt: { kind: "waiting" } },
  authorized: {
    ...model,
    attempt: { kind: "authorized", authorization: acme },
    organizations: [acme],
  },
  reauthorization: { ...model, organizations: [acme, beta], notices: [sharingOff] },
  retried: {
    ...model,
    organizations: [acme],
    notices: [sharingOff],
    retriedOrgIds: new Set(["acme"]),
  },
  denied: {
    ...model,
    attempt: attemptFromError("access_denied", "The resource owner denied the request."),
  },
  failed: { ...model, attempt: attemptFromError("invalid_scope", null) },
  locked: { ...model, attempt: attemptFromFault(lockedKeychain, true) },
  expired: { ...model, phase: "expired" },
  completed: { ...model, phase: "completed", organizations: [acme] },
};

const authorizationPage = await AuthorizationPage.load(readAsset, () => "nonce");
const server = await listenOnLoopback(0, async ({ target }) => {
  const name = target.slice(1);
  return name in pages
    ? authorizationPage.document(pages[name], 200)
    : authorizationPage.rejection(INVALID_KEY);
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
  ],
});
mkdirSync(out, { recursive: true });
for (const width of [1280, 320]) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({
      viewport: { width, height: 720 },
      colorScheme,
      javaScriptEnabled: false,
    });
    for (const name of [...Object.keys(pages), "rejected"]) {
      await page.goto(`http://localhost:${server.port}/${name}`);
      await page.screenshot({
        path: resolve(out, `${name}-${width}-${colorScheme}.png`),
        fullPage: true,
      });
    }
    await page.close();
  }
}
await takeDashboardScreenshots(browser, compiled, out);
await browser.close();
await server.close();
console.log(`Screenshots are in ${out}`);
