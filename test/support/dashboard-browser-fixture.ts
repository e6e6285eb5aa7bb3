import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** A page in a browser context of its own, and what has gone wrong in it. */
export interface DashboardTab {
  readonly page: Page;
  /** Exceptions, and what the page's policy (CSP) refused. */
  readonly errors: readonly string[];
  readonly close: () => Promise<void>;
}

/** Opens `url` and waits until the page shows what the worker has sent. */
export async function openDashboard(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<DashboardTab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  page.on("console", (message) => {
    const text = message.text();
    if (/content security policy/i.test(text)) errors.push(text);
  });
  await page.goto(url);
  await page.locator('[data-testid="phase"][data-phase]').waitFor({ timeout: 10_000 });
  return { page, errors, close: () => context.close() };
}
