import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

const SOURCE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Returns the serious and critical violations that axe-core finds, under the CSP of the page. */
export async function findSeriousViolations(page: Page): Promise<string[]> {
  await page.evaluate(`if (!globalThis.axe) { ${await readFile(SOURCE, "utf8")} }`);
  const { violations } = await page.evaluate<{ violations: Violation[] }>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ""}`).join(" | ")}`,
    );
}
