import { expect } from "chai";
import type { Browser } from "playwright-core";

import { findSeriousViolations } from "../support/axe-fixture.js";
import { launchChromium } from "../support/browser-flow-http-harness.js";
import { openDashboard } from "../support/dashboard-browser-fixture.js";
import {
  authorizationOf,
  DashboardWorkerFake,
  organizationStatusOf,
  personOf,
  problemOf,
  statusOf,
} from "../support/dashboard-worker-fake.js";

const FEW = Array.from({ length: 40 }, (_, index) => personOf(index));
const MANY = Array.from({ length: 100_000 }, (_, index) => personOf(index));
const ROLE_LOST = problemOf(
  "adminRoleLost",
  "error",
  'Webex refuses to list the users of "Fabrikam" to the administrator who authorized.',
  "Give that administrator the Full Admin role back in Control Hub.",
  "fabrikam",
);
const MEMORY = problemOf(
  "memorySecretStore",
  "info",
  "Authorizations are kept in memory only and are lost when the worker ends.",
  "Remove --secret-store memory.",
);

const STATES: Readonly<Record<string, (fake: DashboardWorkerFake) => void>> = {
  polling: (fake) => (fake.people = FEW),
  "100,000 people": (fake) => (fake.people = MANY),
  problems: (fake) => {
    fake.people = FEW;
    fake.status = statusOf({
      problems: [MEMORY, ROLE_LOST, { ...ROLE_LOST, code: "rateLimited", severity: "warning" }],
      organizations: [
        organizationStatusOf("northwind", "Northwind Traders"),
        organizationStatusOf("fabrikam", "Fabrikam", { lastSweep: null }),
      ],
    });
    fake.authorizations = [
      authorizationOf("northwind", "Northwind Traders"),
      authorizationOf("fabrikam", "Fabrikam", { state: "required" }),
    ];
    const expiresAt = new Date(Date.now() + 500_000).toISOString();
    const url = "https://login.example/device";
    fake.flow = { method: "device", url, userCode: "ABCD-1234", expiresAt };
  },
  empty: (fake) => {
    fake.status = statusOf({ phase: "blocked", organizations: [], problems: [ROLE_LOST] });
    fake.authorizations = [];
    fake.people = [];
    fake.samples = [];
  },
  disabled: (fake) => {
    fake.people = FEW.map((person) => ({ ...person, state: "unknown", reason: "disabled" }));
    fake.status = statusOf({ phase: "disabled", enabled: false });
  },
};

/** Each width and each color once. */
const APPEARANCES = [
  [1280, "light"],
  [320, "dark"],
] as const;

describe("accessibility of the dashboard", function () {
  this.timeout(120_000);
  let browser: Browser;

  before(async function () {
    browser = await launchChromium(this);
  });

  after(async () => {
    await browser.close();
  });

  for (const [name, set] of Object.entries(STATES)) {
    it(`has no serious violation and does not scroll sideways, light and dark: ${name}`, async () => {
      const fake = await DashboardWorkerFake.start();
      set(fake);
      const { page, errors, close } = await openDashboard(browser, fake.url);
      if (fake.people.length > 0) await page.getByTestId("person").first().waitFor();
      else await page.locator("#people-empty").waitFor();
      await page.locator("#history summary").click();
      await page.getByTestId("people").focus();
      for (const [width, colorScheme] of APPEARANCES) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        const appearance = `${width} px, ${colorScheme}`;
        expect(await findSeriousViolations(page), appearance).to.deep.equal([]);
        const scrollWidth = await page.evaluate<number>("document.documentElement.scrollWidth");
        expect(scrollWidth, appearance).to.be.at.most(width);
      }
      expect(errors).to.deep.equal([]);
      await close();
      await fake.close();
    });
  }

  it("can be used with a keyboard alone, and shows where the focus is", async () => {
    const fake = await DashboardWorkerFake.start();
    fake.people = FEW;
    const { page, close } = await openDashboard(browser, fake.url);
    await page.getByTestId("person").first().waitFor();
    const visited: string[] = [];
    for (let step = 0; step < 24; step += 1) {
      await page.keyboard.press("Tab");
      const [name, outline] = await page.evaluate<[string, string]>(
        `[document.activeElement.dataset.testid ?? document.activeElement.dataset.sort ??
          document.activeElement.dataset.filter ?? document.activeElement.tagName,
          getComputedStyle(document.activeElement).outlineStyle]`,
      );
      // After the last element, the focus leaves the page.
      if (name === "BODY") break;
      visited.push(name);
      expect(outline, name).to.equal("solid");
    }
    expect(visited).to.include.members([
      "A",
      "theme",
      "poll-now",
      "authorize",
      "search",
      "available",
      "unknown",
      "SUMMARY",
      "people",
      "name",
      "age",
    ]);
    await close();
    await fake.close();
  });

  it("moves nothing for those who want no motion", async () => {
    const fake = await DashboardWorkerFake.start();
    fake.status = statusOf({ phase: "starting" });
    const animations = async (reducedMotion: "reduce" | "no-preference"): Promise<number> => {
      const { page, close } = await openDashboard(browser, fake.url, { reducedMotion });
      const count = await page.evaluate<number>("document.getAnimations().length");
      await close();
      return count;
    };
    expect(await animations("no-preference")).to.equal(1);
    expect(await animations("reduce")).to.equal(0);
    await fake.close();
  });
});
