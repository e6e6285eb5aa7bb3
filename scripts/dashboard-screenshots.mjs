// Screenshots of the dashboard's page with invented people, for scripts/screenshots.mjs.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const PERSONS = 1_204;

/**
 * Writes `dashboard-<state>-<width>-<colors>.png` into `out`: each state wide and narrow, light and
 * dark. Requires the build, whose script the page runs, and the compiled tests in `compiled`, which
 * have the people.
 *
 * @param {import("playwright-core").Browser} browser
 */
export async function takeDashboardScreenshots(browser, compiled, out) {
  const fixture = resolve(compiled, "test/support/dashboard-worker-fake.js");
  const { authorizationOf, DashboardWorkerFake, organizationStatusOf, personOf, ...texts } =
    await import(pathToFileURL(fixture).href);
  const people = Array.from({ length: PERSONS }, (_, index) => personOf(index));
  const problems = [
    texts.problemOf(
      "adminRoleLost",
      "error",
      'Webex refuses to list the users of "Fabrikam" to the administrator who authorized (HTTP 400). Its presence is not known.',
      "Give that administrator the Full Admin role back in Control Hub (Management > Users > the user > Administrator roles), or have another Full Admin authorize.",
      "fabrikam",
    ),
    texts.problemOf(
      "settingsUnknown",
      "warning",
      "WebexPresense.Proxy (line 4) is not a setting of this worker and has no effect on presence. It probably means WebexPresence.Proxy.",
      "Write WebexPresence.Proxy=<value> in a line of its own, or remove the line.",
    ),
  ];
  const polled = organizationStatusOf("northwind", "Northwind Traders");
  const refused = organizationStatusOf("fabrikam", "Fabrikam", {
    persons: 0,
    watched: 0,
    lastSweep: null,
    nextRequestAt: null,
    requests: { perMinuteLimit: 60, lastMinute: 1, total: 12, rateLimited: 0, failed: 12 },
    ageSeconds: { watchedP50: null, watchedP95: null },
  });
  const states = {
    polling: () => undefined,
    problems: (fake) => {
      fake.status = texts.statusOf({ problems, organizations: [polled, refused] });
      fake.authorizations = [
        authorizationOf("northwind", "Northwind Traders"),
        authorizationOf("fabrikam", "Fabrikam", { authorizedBy: "Noor Haddad" }),
      ];
    },
    blocked: (fake) => {
      const [problem] = problems;
      fake.status = texts.statusOf({ phase: "blocked", problems: [problem], organizations: [] });
      fake.authorizations = [];
      fake.people = [];
      fake.samples = [];
    },
  };
  for (const [state, set] of Object.entries(states)) {
    const fake = await DashboardWorkerFake.start();
    fake.people = people;
    set(fake);
    for (const width of [1180, 320]) {
      for (const colorScheme of ["light", "dark"]) {
        // docs/ has two of them, which shall be small.
        const height = state === "polling" ? 940 : 780;
        const page = await browser.newPage({ viewport: { width, height }, colorScheme });
        await page.goto(fake.url);
        const shown = fake.people.length > 0 ? '[data-testid="person"]' : "#people-empty";
        await page.locator(shown).first().waitFor();
        const name = `dashboard-${state}-${width}-${colorScheme}.png`;
        // The list of people has no end of its own.
        await page.screenshot({ path: resolve(out, name), fullPage: width === 320 });
        await page.close();
      }
    }
    await fake.close();
  }
}
