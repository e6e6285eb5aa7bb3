import { expect } from "chai";

import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import { FakeClock } from "../support/clock-fake.js";
import { HttpBrowserFlowHarness, launchChromium } from "../support/browser-flow-http-harness.js";

const FORM = { "content-type": "application/x-www-form-urlencoded" };

describe("browser flow over HTTP", () => {
  let harness: HttpBrowserFlowHarness;

  beforeEach(async () => {
    harness = new HttpBrowserFlowHarness();
    await harness.start();
  });

  afterEach(async () => {
    await harness.stop();
    for (const secret of harness.simulator.issuedSecrets)
      expect(harness.logger.text + JSON.stringify(harness.views)).not.to.contain(secret);
  });

  it("rejects invalid requests", async () => {
    const { port } = new URL(harness.url);
    const page = `/?key=${harness.key}`;
    const statusOf = async (
      target: string,
      options: Parameters<HttpBrowserFlowHarness["request"]>[1] = {},
    ): Promise<number> => (await harness.request(target, options)).status;
    expect(await statusOf(page)).to.equal(200);
    expect(await statusOf(page)).to.equal(200);
    expect(await statusOf(page, { headers: { host: `[::1]:${port}` } })).to.equal(200);
    expect(await statusOf(page, { headers: { host: "rebound.example" } })).to.equal(421);
    expect(await statusOf("/?key=wrong")).to.equal(403);
    expect(await statusOf("/nothing")).to.equal(404);
    expect(await statusOf(page, { method: "DELETE" })).to.equal(405);
    expect(await statusOf("/oauth/callback?code=abc&state=abc")).to.equal(400);
    const body = `key=${harness.key}`;
    expect(
      await statusOf("/complete", {
        method: "POST",
        headers: { ...FORM, origin: "http://evil.example" },
        body,
      }),
    ).to.equal(403);
    expect(await statusOf("/complete", { method: "POST", headers: FORM, body })).to.equal(409);
    expect(
      await statusOf("/complete", { method: "POST", headers: FORM, body: "x".repeat(20_000) }),
    ).to.equal(413);
  });

  it("accepts a code once", async () => {
    const redirect = await harness.request(`/authorize?key=${harness.key}`);
    expect(redirect.status).to.equal(302);
    const consent = new URL(redirect.location);
    expect(consent.searchParams.get("code_challenge_method")).to.equal("S256");
    const form = new URLSearchParams(consent.searchParams);
    form.set("login", "0:fullAdmin");
    form.set("decision", "accept");
    const accepted = await fetch(`${consent.origin}${consent.pathname}`, {
      method: "POST",
      body: form,
      redirect: "manual",
    });
    const callback = new URL(accepted.headers.get("location") ?? "");
    const first = await harness.request(callback.pathname + callback.search);
    expect(first).to.include({ status: 303, location: `/?key=${harness.key}` });
    const repeated = await harness.request(callback.pathname + callback.search);
    expect(repeated.status).to.equal(400);
    expect(repeated.body).to.include('data-state="authorized"');
    expect(harness.authorizations.map(({ orgName }) => orgName)).to.deep.equal(["Acme"]);
    const page = (await harness.request(`/?key=${harness.key}`)).body;
    for (const secret of harness.simulator.issuedSecrets) expect(page).not.to.contain(secret);
  });

  describe("in Chromium", function () {
    this.timeout(60_000);
    let browser: Browser | null = null;
    let page: Page;
    let errors: string[];

    before(async function () {
      browser = await launchChromium(this);
    });

    after(async () => {
      await browser?.close();
    });

    afterEach(async () => {
      await page.context().close();
      expect(errors).to.deep.equal([]);
    });

    const open = async (options: BrowserContextOptions = {}): Promise<void> => {
      const context = await browser!.newContext(options);
      page = await context.newPage();
      errors = [];
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        if (/Content.Security.Policy/i.test(message.text())) errors.push(message.text());
      });
      await page.goto(harness.url);
    };
    const authorize = async (decision: string, login = "0:fullAdmin"): Promise<void> => {
      await page.getByTestId("authorize").click();
      await page.getByTestId("consent-page").waitFor();
      await page.getByTestId("consent-admin").selectOption(login);
      await page.getByTestId(`consent-${decision}`).click();
    };
    const stateIs = async (state: string, on: Page = page): Promise<void> => {
      await on.locator(`[data-testid="state"][data-state="${state}"]`).waitFor({ timeout: 10_000 });
    };

    for (const javaScriptEnabled of [true, false]) {
      it(`authorizes and completes ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
        await open({ javaScriptEnabled });
        expect(await page.title()).to.equal("Webex integration authorization");
        await stateIs("required");
        expect(await page.getByTestId("complete").isDisabled()).to.equal(true);
        expect(await page.getByTestId("help").innerText()).to.contain(
          harness.simulator.client.clientId,
        );
        await page.reload();
        await authorize("accept");
        await stateIs("authorized");
        expect(page.url()).to.equal(harness.url);
        expect(await page.locator("main").innerText()).to.contain("Acme");
        await page.reload();
        await stateIs("authorized");
        await page.getByTestId("complete").click();
        await page.getByText("Presence starts now").waitFor();
        await stateIs("authorized");
        expect(harness.flow.view.state).to.equal("authorized");
        expect(harness.flow.isOpen).to.equal(false);
      });
    }

    it("shows the authorization if a security product opened the callback first, and completes", async () => {
      await open();
      await page.route(`${harness.simulator.apiUrl}/**`, async (route) => {
        if (route.request().method() !== "POST") return route.continue();
        const consent = await route.fetch({ maxRedirects: 0 });
        const callback = consent.headers().location ?? "";
        expect((await fetch(callback, { redirect: "manual" })).status).to.equal(303);
        return route.fulfill({ response: consent });
      });
      const response = page.waitForResponse(/oauth\/callback/);
      await authorize("accept");
      expect((await response).status()).to.equal(400);
      await stateIs("authorized");
      expect(await page.locator("main").innerText()).to.contain("Acme is authorized");
      await page.getByTestId("complete").click();
      await page.getByText("Presence starts now").waitFor();
    });

    it("shows that it has expired, and is no longer served", async () => {
      await harness.stop();
      const clock = new FakeClock();
      harness = new HttpBrowserFlowHarness();
      await harness.start(clock);
      await open();
      await stateIs("required");
      expect(await page.locator("main").innerText()).to.match(/10:00|9:5\d/);
      await clock.advance(599_000);
      await stateIs("required");
      await clock.advance(1_000);
      await stateIs("expired");
      expect(await page.getByTestId("authorize").count()).to.equal(0);
      expect(harness.flow.view.state).to.equal("expired");
      expect(harness.flow.isOpen).to.equal(false);
      const gone = await page.goto(harness.url).then(
        () => "served",
        (error: unknown) => String(error),
      );
      expect(gone).to.include("ERR_CONNECTION_REFUSED");
    });

    it("shows a declined request and a wrong scope, and then authorizes two organizations", async () => {
      await open();
      await authorize("decline");
      await stateIs("denied");
      expect(harness.flow.view.state).to.equal("denied");
      await authorize("wrong-scope");
      await stateIs("failed");
      await authorize("accept");
      await stateIs("authorized");
      await authorize("accept", "1:fullAdmin");
      await page.getByText("Beta is authorized").waitFor();
      expect(await page.locator(".row .badge.good").count()).to.equal(2);
      expect(harness.views.map((view) => view.state)).to.deep.equal([
        "denied",
        "waiting",
        "failed",
        "waiting",
      ]);
    });

    it("shows help when Webex denies access and does not redirect", async () => {
      await open();
      await authorize("blocked");
      await page.getByTestId("access-denied").waitFor();
      await page.goto(harness.url);
      await stateIs("waiting");
      expect(await page.getByTestId("help").isVisible()).to.equal(true);
    });

    it("updates a second window automatically and keeps its focus", async () => {
      await open();
      const other = await page.context().newPage();
      await other.goto(harness.url);
      await other.getByTestId("authorize").focus();
      await authorize("accept");
      await stateIs("authorized", other);
      expect(await other.evaluate<string>("document.activeElement.dataset.testid")).to.equal(
        "authorize",
      );
      expect(await other.getByTestId("complete").isEnabled()).to.equal(true);
      harness.notices.set({
        code: "statusSharingOff",
        severity: "error",
        message: "Sharing is off.",
        hint: "Switch it on.",
        orgId: null,
      });
      await other.getByText("Sharing is off.").waitFor();
      await harness.flow.stop();
      await other.locator('[data-final="yes"]').waitFor({ state: "attached" });
      expect(await other.locator("#lost").isVisible()).to.equal(false);
    });

    it("counts down, works with the keyboard, and fits 320 px in dark mode", async () => {
      await open({ viewport: { width: 320, height: 640 }, colorScheme: "dark" });
      const clock = page.locator("[data-remaining]");
      const shown = await clock.innerText();
      await clock.filter({ hasNotText: shown }).waitFor();
      expect(await page.evaluate<number>("document.documentElement.scrollWidth")).to.be.at.most(
        320,
      );
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      expect(await page.evaluate<string>("document.activeElement.dataset.testid")).to.equal(
        "authorize",
      );
      await page.keyboard.press("Enter");
      await page.getByTestId("consent-page").waitFor();
    });
  });
});
