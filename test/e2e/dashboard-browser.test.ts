import { expect } from "chai";
import type { Browser, Page } from "playwright-core";

import { freePort } from "../support/authorization-harness.js";
import { launchChromium } from "../support/browser-flow-http-harness.js";
import { openDashboard, type DashboardTab } from "../support/dashboard-browser-fixture.js";
import { readDashboardUrl } from "../support/dashboard-client-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const SOON = { timeout: 15_000 };

describe("e2e: the dashboard in a browser", function () {
  this.timeout(90_000);
  let browser: Browser;
  let harness: WorkerHarness;
  let tab: DashboardTab;
  let page: Page;
  let address: string;
  let port: number;
  let redirectPort: number;

  before(async function () {
    browser = await launchChromium(this);
    [port, redirectPort] = [await freePort(), await freePort()];
    harness = await WorkerHarness.startPolling({
      speed: 0,
      ini: [
        `WebexPresence.DashboardPort=${port}`,
        `WebexPresence.RedirectPort=${redirectPort}`,
        "WebexPresence.RequestsPerMinute=600",
      ],
    });
    address = await waitForAddress();
    tab = await openDashboard(browser, address);
    page = tab.page;
    await page.getByTestId("person").first().waitFor(SOON);
  });

  after(async () => {
    await tab.close();
    await browser.close();
    await harness.stop();
  });

  afterEach(() => {
    expect(tab.errors).to.deep.equal([]);
  });

  const waitForAddress = (): Promise<string> =>
    harness.waitFor("an address", () => readDashboardUrl(harness.logDirectory), 10_000);

  it("takes the key out of the address bar, and a reload and a bookmark still work", async () => {
    expect(page.url()).to.equal(`http://localhost:${port}/`);
    await page.reload();
    await page.locator('[data-testid="phase"][data-phase="polling"]').waitFor(SOON);
    expect(await page.evaluate("document.cookie")).to.equal("");
    const other = await (await browser.newContext()).newPage();
    await other.goto(page.url());
    expect(await other.locator("h2").innerText()).to.include("not open in this browser");
    expect(await other.locator("main").innerText()).to.include("ucx-webex-presence dashboard");
    expect(await other.getByTestId("person").count()).to.equal(0);
    await other.context().close();
  });

  it("opens from a link on another site, as that of a chat, and leaves no key there", async () => {
    const other = await (await browser.newContext()).newPage();
    await other.goto(`data:text/html,<a href="${encodeURIComponent(address)}">the dashboard</a>`);
    await other.getByRole("link").click();
    await other.locator('[data-testid="phase"][data-phase="polling"]').waitFor(SOON);
    expect(other.url()).to.equal(`http://localhost:${port}/`);
    await other.goBack();
    expect(other.url()).to.match(/^data:/);
    await other.context().close();
  });

  it("shows what the worker says of its phase, problems and organizations", async () => {
    const status = await harness.status();
    expect(await page.getByTestId("phase").innerText()).to.include("Polling Webex");
    const codes = await page.evaluate<string[]>(
      `[...document.querySelectorAll("[data-testid=problem]")].map((p) => p.dataset.code)`,
    );
    expect(codes).to.have.members(status.problems.map(({ code }) => code));
    const organization = await page.getByTestId("organization").innerText();
    expect(organization).to.include("Example Ltd").and.to.include("30, 0 watched");
    expect(await page.getByTestId("people-count").innerText()).to.equal("30");
    await page.getByTestId("plot").first().locator("canvas").waitFor(SOON);
  });

  it("finds a person, whatever the accents, and shows a change as it comes", async () => {
    const person = harness.webex.people()[2]!;
    const [email = ""] = person.emails;
    harness.webex.setStatus(email, "meeting");
    await harness.host.request("worker/poll");
    await page.getByTestId("search").fill(person.displayName.normalize("NFKD").toUpperCase());
    const row = page.getByTestId("person").filter({ hasText: person.displayName });
    await row.and(page.locator('[data-state="inMeeting"]')).waitFor(SOON);
    harness.webex.setStatus(email, "call");
    await harness.host.request("worker/poll");
    await row.and(page.locator('[data-state="onCall"]')).waitFor(SOON);
    await page.getByRole("button", { name: "On a call" }).click();
    await page.getByTestId("search").fill("");
    await row.waitFor(SOON);
    await page.getByRole("button", { name: "On a call" }).click();
  });

  it("polls at once, and says so", async () => {
    const mark = harness.webex.mark();
    await page.getByTestId("poll-now").click();
    const outcome = page.getByTestId("outcome");
    await outcome.filter({ hasText: "Webex has answered: 30 people in" }).waitFor(SOON);
    expect(harness.countedRequests(mark)).not.to.deep.equal([]);
  });

  it("opens the authorization page of the worker", async () => {
    const opening = page.context().waitForEvent("page");
    await page.getByTestId("authorize").click();
    const authorization = await opening;
    await authorization.waitForURL(`http://localhost:${redirectPort}/?key=**`);
    await authorization.getByTestId("authorize").waitFor(SOON);
    await authorization.close();
    await page
      .getByTestId("flow")
      .filter({ hasText: "An authorization page is open" })
      .waitFor(SOON);
    await harness.host.request("authorization/cancel");
    await page.getByTestId("flow").waitFor({ state: "hidden", ...SOON });
  });

  it("says that presence is off, and shows everybody as unknown for that reason", async () => {
    await harness.writeSettings(0);
    await page.locator('[data-testid="phase"][data-phase="disabled"]').waitFor(SOON);
    const row = page.locator('[data-testid="person"][data-state="unknown"]').first();
    await row.filter({ hasText: "disabled" }).waitFor(SOON);
    await page.getByTestId("poll-now").click();
    await page.getByTestId("outcome").filter({ hasText: "presence is off" }).waitFor(SOON);
    await harness.writeSettings(1);
    await page.locator('[data-testid="phase"][data-phase="polling"]').waitFor(SOON);
  });

  it("says that the worker has been restarted, and goes on once it has the new address", async () => {
    await harness.host.shutdown();
    const lost = page.getByTestId("lost");
    await lost.filter({ hasText: "The connection to the worker is lost" }).waitFor(SOON);
    const next = harness.newHost();
    await next.start();
    try {
      await lost.filter({ hasText: "The worker has been restarted" }).waitFor(SOON);
      const newAddress = await harness.waitFor(
        "a new address",
        async () => {
          const url = await readDashboardUrl(harness.logDirectory);
          return url === address ? null : url;
        },
        10_000,
      );
      const other = await page.context().newPage();
      await other.goto(newAddress);
      await lost.waitFor({ state: "hidden", ...SOON });
      await page.locator('[data-testid="phase"][data-phase="blocked"]').waitFor(SOON);
      await other.close();
    } finally {
      await next.shutdown();
    }
  });
});
