import { expect } from "chai";
import type { Browser, Locator, Page } from "playwright-core";

import type { DashboardPerson } from "../../src/dashboard/dashboard-model.js";
import { REASON_WORDING } from "../../src/presence/presence-wording.js";
import { launchChromium } from "../support/browser-flow-http-harness.js";
import { openDashboard, type DashboardTab } from "../support/dashboard-browser-fixture.js";
import {
  DashboardWorkerFake,
  organizationStatusOf,
  personOf,
  problemOf,
  statusOf,
} from "../support/dashboard-worker-fake.js";

/** Nothing here takes long but a busy machine. */
const SOON = { timeout: 15_000 };
const ROW_LIMIT = 60;

describe("the dashboard's page", function () {
  this.timeout(60_000);
  let browser: Browser;
  let fake: DashboardWorkerFake;
  let tab: DashboardTab;
  let page: Page;

  before(async function () {
    browser = await launchChromium(this);
  });

  after(async () => {
    await browser.close();
  });

  beforeEach(async () => {
    fake = await DashboardWorkerFake.start();
  });

  afterEach(async () => {
    await tab.close();
    await fake.close();
    expect(tab.errors).to.deep.equal([]);
  });

  const open = async (people: readonly DashboardPerson[] = []): Promise<void> => {
    fake.people = [...people];
    tab = await openDashboard(browser, fake.url);
    page = tab.page;
    if (people.length > 0) await page.getByTestId("person").first().waitFor(SOON);
  };
  const rowOf = (name: string): Locator => page.getByTestId("person").filter({ hasText: name });
  /** What the elements of a test id have in a data attribute. */
  const dataOf = (testId: string, name: string): Promise<string[]> =>
    page.evaluate<string[]>(
      `[...document.querySelectorAll("[data-testid=${testId}]")].map((e) => e.dataset.${name})`,
    );
  const names = (): Promise<string[]> =>
    page.locator('[data-testid="person"] .column-name').allInnerTexts();
  const waitForText = (locator: Locator, text: string | RegExp): Promise<void> =>
    locator.filter({ hasText: text }).waitFor(SOON);

  const waitUntil = async (isTrue: () => boolean): Promise<void> => {
    const deadline = Date.now() + SOON.timeout;
    while (!isTrue()) {
      expect(Date.now()).to.be.lessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  it("says the phase in words, and each problem with its remedy, errors first", async () => {
    const warning = problemOf("rateLimited", "warning", "Webex limits the rate.", "Wait.");
    const error = problemOf("adminRoleLost", "error", "The role is lost.", "Give it back.");
    fake.status = statusOf({ problems: [warning, error] });
    await open();
    const problems = page.getByTestId("problem");
    expect(await dataOf("problem", "code")).to.deep.equal(["adminRoleLost", "rateLimited"]);
    const text = await problems.first().innerText();
    expect(text).to.include("The role is lost.").and.to.include("What to do: Give it back.");
    expect(text).to.match(/Error\s+since \d\d:\d\d:\d\d/);
    const phase = page.getByTestId("phase");
    expect(await phase.innerText())
      .to.include("Polling Webex, with problems")
      .and.to.include("reports 2 problems: what to do is below.", "not all limit presence");
    for (const [value, words] of [
      ["blocked", /Blocked: somebody has to act/],
      ["disabled", /Presence is off.*everybody's presence is unknown/s],
      ["starting", /Starting/],
      ["stopping", /Stopping/],
    ] as const) {
      fake.publish({ phase: value, problems: [error] });
      await waitForText(phase, words);
    }
    fake.publish({ phase: "polling", problems: [] });
    await waitForText(phase, /Polling Webex\s/);
    await problems.first().waitFor({ state: "detached" });
    expect(await page.title()).to.equal("Polling Webex – Webex presence dashboard");
  });

  it("shows each organization with its authorization, requests, sweep and ages", async () => {
    const second = organizationStatusOf("fabrikam", "Fabrikam", { lastSweep: null });
    fake.status = statusOf({ organizations: [...fake.status.organizations, second] });
    await open();
    const rows = page.getByTestId("organization");
    expect(await rows.count()).to.equal(2);
    expect(await rows.first().innerText())
      .to.match(/Northwind Traders\s+Authorized/)
      .and.to.include("by Ada Admin on November 1, 2026, valid until January 30, 2027")
      .and.to.include("22 of 60")
      .and.to.include("18,211, 4 answered 429, 1 failed")
      .and.to.include("3.4 s for 1,204 people")
      .and.to.include("4.2 s median, 11.8 s 95th percentile");
    expect(await rows.last().innerText()).to.match(/Fabrikam\s+Authorization required/);
  });

  it("never shows unknown as offline, and says why", async () => {
    const unknown = { state: "unknown", since: null } as const;
    await open([
      personOf(0, { ...unknown, displayName: "Stale", reason: "stale" }),
      personOf(1, { ...unknown, displayName: "Unshared", reason: "notShared", observedAt: null }),
      personOf(2, {
        ...unknown,
        displayName: "New",
        reason: "unrecognizedStatus",
        webexStatus: "levitating",
      }),
      personOf(3, { state: "offline", displayName: "Gone", reason: "neverSignedIn" }),
    ]);
    expect(await rowOf("Stale").getAttribute("title")).to.equal(REASON_WORDING.stale.explanation);
    for (const [name, state, words] of [
      ["Stale", "unknown", "Unknown stale"],
      ["Unshared", "unknown", "Unknown not shared"],
      ["New", "unknown", "Unknown new status “levitating”"],
      ["Gone", "offline", "Offline never signed in"],
    ] as const) {
      const row = rowOf(name);
      expect(await row.getAttribute("data-state"), name).to.equal(state);
      const text = await row.locator(".column-state").innerText();
      expect(text.replace(/\s+/g, " "), name).to.equal(words);
    }
  });

  it("shows names and texts of others as text, whatever they contain", async () => {
    const name = '<img src=x onerror="document.title=1"> \u202egnp.exe\u0007';
    const problem = problemOf("webexError", "warning", `<b>${name}</b>`, "Look.");
    fake.status = statusOf({ problems: [problem] });
    await open([personOf(0, { displayName: name })]);
    const shown = '<img src=x onerror="document.title=1">  gnp.exe ';
    const text = await page.locator(".column-name bdi").textContent();
    expect(text).to.equal(shown);
    expect(await page.getByTestId("problem").innerText()).to.include("<b><img src=x");
    expect(await page.locator("img, .problem b").count()).to.equal(0);
  });

  it("searches, filters and sorts, and keeps a window of 100,000 people", async () => {
    await open(Array.from({ length: 100_000 }, (_, index) => personOf(index)));
    const grid = page.getByTestId("people");
    const count = page.getByTestId("people-count");
    expect(await grid.getAttribute("aria-rowcount")).to.equal("100001");
    expect(await page.getByRole("row").count()).to.be.below(ROW_LIMIT);

    await grid.focus();
    await page.keyboard.press("End");
    const last = page.locator('[data-testid="person"][aria-rowindex="100001"]');
    await last.waitFor(SOON);
    expect(await grid.getAttribute("aria-activedescendant")).to.equal(
      await last.getAttribute("id"),
    );
    expect(await last.getAttribute("aria-selected")).to.equal("true");
    expect(await page.getByRole("row").count()).to.be.below(ROW_LIMIT);
    const [rowBox, gridBox] = [await last.boundingBox(), await grid.boundingBox()];
    expect(rowBox!.y + rowBox!.height).to.be.at.most(gridBox!.y + gridBox!.height);
    await page.keyboard.press("PageUp");
    expect(await grid.getAttribute("aria-activedescendant")).not.to.equal("person-99999");
    await page.keyboard.press("Home");
    await page.locator('[data-testid="person"][aria-rowindex="2"]').waitFor(SOON);
    // In the middle, as with a mouse.
    await page.evaluate("document.getElementById('people').scrollTop = 1_700_000");
    await page.locator('[data-testid="person"][aria-rowindex="50003"]').waitFor(SOON);

    await page.getByTestId("search").fill("abbott1");
    await waitForText(count, / of 100,000/);
    await page.locator('[data-testid="person"][aria-rowindex="2"]').waitFor(SOON);
    expect(await page.locator(".column-address").nth(1).innerText()).to.include("abbott1");
    await page.getByTestId("search").fill("nobody has this name");
    await waitForText(page.locator("#people-empty"), "Nobody matches.");
    await page.getByTestId("search").fill("");
    await waitForText(count, /^100,000$/);

    await page.getByRole("button", { name: "Presenting" }).click();
    await waitForText(count, / of 100,000/);
    await page.locator('[data-testid="person"][data-state="presenting"]').first().waitFor(SOON);
    const states = await dataOf("person", "state");
    expect(new Set(states)).to.deep.equal(new Set(["presenting"]));

    await page.getByRole("columnheader", { name: "Address" }).getByRole("button").click();
    await page.locator('[aria-sort="ascending"].column-address').waitFor();
    await page.getByRole("columnheader", { name: "Address" }).getByRole("button").click();
    await page.locator('[aria-sort="descending"].column-address').waitFor();
    await waitForText(page.getByTestId("person").first(), "zoe");
  });

  it("follows changes as they come, and counts ages by the worker's clock", async () => {
    fake.clockOffsetMs = 3_600_000;
    const observedAt = new Date(Date.now() + 3_595_000).toISOString();
    await open([personOf(0, { state: "available", observedAt }), personOf(1), personOf(2)]);
    const [name = ""] = await names();
    const first = rowOf(name);
    const age = first.locator(".column-age");
    expect(Number.parseInt(await age.innerText())).to.be.within(4, 20);
    const before = await age.innerText();
    fake.people[0] = personOf(0, { state: "onCall", observedAt });
    fake.publishPeople();
    await page.locator('[data-testid="person"][data-state="onCall"]').first().waitFor(SOON);
    await waitForText(first, "On a call");
    await age.filter({ hasNotText: new RegExp(`^${before}$`) }).waitFor(SOON);
  });

  it("plots the last hour, with the same in words and as a table", async () => {
    await open();
    const plots = page.getByTestId("plot");
    expect(await plots.count()).to.equal(4);
    const series = await dataOf("plot", "series");
    expect(series.join(" ").split(" ")).to.have.members([
      "requestsPerMinute",
      "rateLimitedPerMinute",
      "watchedAgeP50",
      "watchedAgeP95",
      "sweepSeconds",
      "changesPerMinute",
    ]);
    const image = plots.first().getByRole("img");
    fake.addSample({
      ...fake.samples.at(-1)!,
      at: fake.samples.at(-1)!.at + 10,
      requestsPerMinute: 59,
    });
    await waitForText(plots.first(), /all\s*59/);
    expect(await image.getAttribute("aria-label")).to.match(
      /Requests a minute in the last hour\. all: now 59, between \d+ and 59\. answered 429/,
    );
    await page.locator("#history summary").click();
    await page.locator("#history-body tr").first().waitFor(SOON);
    expect(await page.locator("#history-body tr").count()).to.be.within(12, 14);
    expect(await page.locator("#history-body tr").first().innerText()).to.match(
      /^\d\d:\d\d\s+59\s/,
    );
    const painted = await page.evaluate<boolean>(
      `((canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
        .data.some((value) => value > 0))(document.querySelector(".plot canvas"))`,
    );
    expect(painted).to.equal(true);
  });

  it("says what came of Poll now", async () => {
    await open();
    const [pollNow, outcome] = [page.getByTestId("poll-now"), page.getByTestId("outcome")];
    await pollNow.click();
    await waitForText(outcome, "The worker asks Webex now.");
    const lastSweep = {
      ...fake.status.organizations[0]!.lastSweep!,
      startedAt: new Date().toISOString(),
    };
    fake.publish({ organizations: [{ ...fake.status.organizations[0]!, lastSweep }] });
    await waitForText(outcome, "Webex has answered: 1,204 people in 3.4 s.");
    const nextPossibleAt = new Date(Date.now() + 30_000).toISOString();
    fake.answers["/poll-now"] = { status: 200, body: { accepted: true, nextPossibleAt } };
    await pollNow.click();
    await waitForText(outcome, /The worker asks Webex in \d+ s, as soon as the request limit/);
    fake.answers["/poll-now"] = { status: 200, body: { accepted: false, nextPossibleAt: null } };
    fake.publish({ phase: "disabled" });
    await waitForText(page.getByTestId("phase"), "Presence is off");
    await pollNow.click();
    await waitForText(outcome, "Not polled: presence is off (WebexPresence.Enable=0).");
    fake.answers["/poll-now"] = { status: 409, body: { error: "It is busy.", hint: "Wait." } };
    await pollNow.click();
    await waitForText(outcome, "It is busy. Wait.");
  });

  it("opens the authorization page, and says why it cannot", async () => {
    await open();
    const target = await DashboardWorkerFake.start();
    fake.answers["/authorize"] = { status: 200, body: { url: target.url } };
    const opening = page.context().waitForEvent("page");
    await page.getByTestId("authorize").click();
    const opened = await opening;
    await opened.waitForURL(target.url);
    expect(await opened.evaluate("opener")).to.equal(null);
    const error = { error: "There is no client.", hint: "Run secret client." };
    fake.answers["/authorize"] = { status: 409, body: error };
    await page.getByTestId("authorize").click();
    await waitForText(page.getByTestId("outcome"), "There is no client. Run secret client.");
    fake.answers["/authorize"] = { status: 200, body: { url: "javascript:alert(1)" } };
    await page.getByTestId("authorize").click();
    await waitForText(page.getByTestId("outcome"), "The worker named no address.");
    const expiresAt = new Date(Date.now() + 300_000).toISOString();
    fake.flow = { method: "device", url: target.url, userCode: "ABCD-1234", expiresAt };
    fake.publish();
    await waitForText(page.getByTestId("flow"), /another 4 min\. Enter the code at.*\sABCD-1234/s);
    await target.close();
  });

  it("switches to light or dark, remembers it, and follows the system by default", async () => {
    await open();
    const ground = (): Promise<string> =>
      page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await ground();
    expect(dark).not.to.equal(light);
    await page.emulateMedia({ colorScheme: "light" });
    await page.getByRole("button", { name: "Switch to dark colors" }).click();
    expect(await ground()).to.equal(dark);
    await page.reload();
    expect(await ground()).to.equal(dark);
    await page.getByTestId("theme").click();
    expect(await ground()).to.equal(light);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await ground()).to.equal(dark);
  });

  it("says at once that the connection is lost, and goes on when it is back", async () => {
    await open([personOf(0, { state: "available" })]);
    const lost = page.getByTestId("lost");
    expect(await lost.isVisible()).to.equal(false);
    await fake.close();
    await lost.waitFor({ timeout: 3_000 });
    expect(await lost.innerText()).to.include("The connection to the worker is lost");
    await page.getByTestId("poll-now").click();
    await waitForText(page.getByTestId("outcome"), "The worker does not answer.");

    fake.people = [personOf(0, { state: "onCall" })];
    fake.isKeyRejected = true;
    await fake.listen();
    await waitForText(lost, "The worker has been restarted");
    expect(await lost.innerText()).to.include("ucx-webex-presence dashboard");
    fake.isKeyRejected = false;
    await lost.waitFor({ state: "hidden", ...SOON });
    await page.locator('[data-testid="person"][data-state="onCall"]').waitFor(SOON);
  });

  it("has no connection while it is hidden, and shows what is new as soon as it is not", async () => {
    await open([personOf(0, { state: "available" })]);
    const setHidden = (isHidden: boolean): Promise<void> =>
      page.evaluate(
        `Object.defineProperty(document, "hidden", { value: ${isHidden}, configurable: true });
         document.dispatchEvent(new Event("visibilitychange"));`,
      );
    expect(fake.streamCount).to.equal(1);
    await setHidden(true);
    await waitUntil(() => fake.streamCount === 0);
    // A browser tells a page in the background that it is online, too.
    await page.evaluate(`dispatchEvent(new Event("online"))`);
    fake.status = statusOf({ phase: "blocked" });
    fake.people = [personOf(0, { state: "onCall" })];
    expect(await page.getByTestId("lost").isVisible()).to.equal(false);
    const requests = fake.requests.length;
    await setHidden(false);
    await waitForText(page.getByTestId("phase"), "Blocked");
    await page.locator('[data-testid="person"][data-state="onCall"]').waitFor(SOON);
    expect(fake.streamCount).to.equal(1);
    expect(fake.requests.slice(requests)).to.include.members(["GET /history", "GET /events"]);
  });
});
