import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";

import { boundedRow, infoRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import {
  formatCount,
  formatMedian,
  formatNumber,
  median,
  pairedRatio,
  percentile,
} from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import { sleep, WorkerProcess } from "./worker-process.js";

const PERSONS = 100_000;
const PORTS = { open: 18_471, closed: 18_472, off: 0 } as const;
type DashboardUse = keyof typeof PORTS;

const VISITS = 7;
const PAINT_BOUND_MS = 1_000;
const SEARCH_BOUND_MS = 100;
const IDLE_MS = 60_000;
const IDLE_BOUND_PERCENT = 1;
const CLOSED_BOUND_PERCENT = 0.1;
const SWEEP_TIMEOUT_MS = 300_000;
/** Each finds some people, not everybody: the domain of all addresses has other letters. */
const SEARCHES = ["u", "ann", "müller", "son", "zh", "lee", "ber", "anna b", "wi", "nobody"];

export const dashboard: Bench = {
  name: "dashboard",
  title: "The dashboard with 100,000 people",
  description:
    "The dashboard of the built worker in Chromium, with 100,000 people of the simulated Webex whose presence does not change: how soon the page is painted, " +
    "how soon a letter in the search field changes the list, and what the dashboard costs the worker: with a page open, without one, and switched off.",
  async run(context) {
    const service = await SimulatedService.start(PERSONS, 0);
    const workers = await launchWorkers(context, service);
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
    });
    try {
      const address = await addressOf(workers.open);
      const visits = await measureVisits(context, browser, address);
      const page = await (await browser.newContext()).newPage();
      await page.goto(address);
      await page.getByTestId("person").first().waitFor();
      const search = await measureSearches(context, page);
      const idle = await measureIdle(context, workers);
      return {
        rows: [...visits.rows, ...search.rows, ...idle.rows],
        panels: [...visits.panels, ...search.panels, ...idle.panels],
        notes: [...visits.notes, ...search.notes, ...idle.notes],
      };
    } finally {
      await browser.close();
      await Promise.all([...Object.values(workers).map((worker) => worker.stop()), service.stop()]);
    }
  },
};

/** All have read everybody, and poll no more during the bench. */
async function launchWorkers(
  { worker, log }: BenchContext,
  service: SimulatedService,
): Promise<Record<DashboardUse, WorkerProcess>> {
  log(`three workers read ${formatCount(PERSONS)} people`);
  const launch = async (use: DashboardUse): Promise<WorkerProcess> => {
    const settings = service.settings(
      "WebexPresence.Enable=1",
      "WebexPresence.RequestsPerMinute=600",
      "WebexPresence.PollIntervalSeconds=3600",
      "WebexPresence.StaleAfterSeconds=86400",
      `WebexPresence.DashboardPort=${PORTS[use]}`,
    );
    const launched = await WorkerProcess.launch(worker, settings);
    await launched.authorize(service);
    await launched.waitForSweep(PERSONS, SWEEP_TIMEOUT_MS);
    return launched;
  };
  return { open: await launch("open"), closed: await launch("closed"), off: await launch("off") };
}

async function addressOf(worker: WorkerProcess): Promise<string> {
  const path = join(dirname(worker.settingsPath), "log", "dashboard.json");
  return (JSON.parse(await readFile(path, "utf8")) as { url: string }).url;
}

/** Visits the page anew each time, in a browser that knows nothing of it. */
async function measureVisits(
  { rounds, log }: BenchContext,
  browser: Browser,
  address: string,
): Promise<BenchResult> {
  const count = rounds(VISITS);
  log(`${count} visits`);
  const paints: number[] = [];
  const lists: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round <= count; round += 1) {
    // Without the key, the page is HTML and styles alone: what the browser itself takes.
    const bare = await visit(browser, address.replace(/\?.*$/, ""), "h2");
    const { paint, shown } = await visit(browser, address, '[data-testid="person"]');
    if (round === 0) continue;
    floor.push(bare.paint);
    paints.push(paint);
    lists.push(shown);
  }
  return {
    rows: [
      boundedRow(
        {
          measure: "from the address to the first paint",
          ours: formatMedian(paints, "ms"),
          against: `a page of text ${formatMedian(floor, "ms")}`,
          figure: `${formatNumber(median(paints))} ms, ${pairedRatio(paints, floor).toFixed(2)} × a page of text (${count} visits)`,
        },
        `< ${formatCount(PAINT_BOUND_MS)} ms`,
        median(paints) < PAINT_BOUND_MS,
      ),
      boundedRow(
        {
          measure: "from the address to people on the screen",
          ours: formatMedian(lists, "ms"),
          against: `a page of text ${formatMedian(floor, "ms")}`,
          figure: `${formatNumber(median(lists))} ms, ${pairedRatio(lists, floor).toFixed(2)} × a page of text`,
        },
        `< ${formatCount(PAINT_BOUND_MS)} ms`,
        median(lists) < PAINT_BOUND_MS,
      ),
    ],
    panels: [
      {
        title: "From the address to the screen",
        unit: "ms",
        series: [
          { label: "first paint", samples: paints, ours: true },
          { label: "people", samples: lists, ours: true },
          { label: "a page of text", samples: floor },
        ],
        bound: { value: PAINT_BOUND_MS, label: "1 s" },
      },
    ],
    notes: [
      "A page of text: the dashboard's refusal of a browser without the key, which has the same styles and no script.",
    ],
  };
}

/** Milliseconds since the navigation: the first paint, and the first element of a selector. */
async function visit(
  browser: Browser,
  url: string,
  selector: string,
): Promise<{ readonly paint: number; readonly shown: number }> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.addInitScript(`new MutationObserver((_, observer) => {
      if (document.querySelector(${JSON.stringify(selector)}) === null) return;
      observer.disconnect();
      requestAnimationFrame(() => { globalThis.shownAt = performance.now(); });
    }).observe(document, { childList: true, subtree: true, attributes: true });`);
    await page.goto(url);
    await page.locator(selector).first().waitFor();
    return await page.evaluate<{ paint: number; shown: number }>(
      `new Promise((resolve) => {
        const look = () => {
          const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
          if (paint === undefined || globalThis.shownAt === undefined) requestAnimationFrame(look);
          else resolve({ paint, shown: globalThis.shownAt });
        };
        look();
      })`,
    );
  } finally {
    await context.close();
  }
}

async function measureSearches({ rounds, log }: BenchContext, page: Page): Promise<BenchResult> {
  const count = rounds(3);
  log(`${count} × ${SEARCHES.length} searches`);
  const shown: number[] = [];
  const answers: number[] = [];
  for (let round = 0; round <= count; round += 1) {
    for (const text of SEARCHES) {
      const [onScreen, answer] = await page.evaluate<[number, number]>(searchScript(text));
      if (round === 0) continue;
      shown.push(onScreen);
      answers.push(answer);
    }
  }
  return {
    rows: [
      boundedRow(
        {
          measure: "from a letter to the people it finds",
          ours: formatMedian(shown, "ms"),
          against: `the worker's answer alone ${formatMedian(answers, "ms")}`,
          figure: `${formatNumber(median(shown))} ms; 95th percentile ${formatNumber(percentile(shown, 0.95))} ms (${shown.length} searches)`,
        },
        `< ${SEARCH_BOUND_MS} ms`,
        median(shown) < SEARCH_BOUND_MS,
      ),
    ],
    panels: [
      {
        title: "From a letter to the people it finds",
        unit: "ms",
        series: [
          { label: "on the screen", samples: shown, ours: true },
          { label: "the worker's answer alone", samples: answers },
        ],
        bound: { value: SEARCH_BOUND_MS, label: `${SEARCH_BOUND_MS} ms` },
      },
    ],
    notes: [
      "From the `input` event to the frame after the one in which the list has changed. The worker's answer alone: a `fetch` of the same people whose answer is not read.",
    ],
  };
}

/** Resolves with the two times of one search, in milliseconds. Clears the field before. */
function searchScript(text: string): string {
  return `(async () => {
    const field = document.getElementById("search");
    const counter = document.getElementById("people-count");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const type = async (value) => {
      const before = counter.textContent;
      const changed = new Promise((resolve) => {
        const observer = new MutationObserver(() => { observer.disconnect(); resolve(); });
        observer.observe(counter, { childList: true, characterData: true, subtree: true });
      });
      field.value = value;
      const startedAt = performance.now();
      field.dispatchEvent(new Event("input"));
      await changed;
      await frame();
      await frame();
      return performance.now() - startedAt;
    };
    const shown = await type(${JSON.stringify(text)});
    await type("");
    const startedAt = performance.now();
    const query = new URLSearchParams({ search: ${JSON.stringify(text)}, limit: "200" });
    await fetch("/people?" + query);
    return [shown, performance.now() - startedAt];
  })()`;
}

/** All at the same time, so that the noise of the machine affects them equally. */
async function measureIdle(
  { log }: BenchContext,
  workers: Record<DashboardUse, WorkerProcess>,
): Promise<BenchResult> {
  await sleep(15_000);
  log(`idle for ${IDLE_MS / 1000} s`);
  const before = usageOf(workers);
  await sleep(IDLE_MS);
  const after = usageOf(workers);
  const percent = (use: DashboardUse): number => (100 * (after[use] - before[use])) / IDLE_MS;
  const [open, closed, off] = [percent("open"), percent("closed"), percent("off")];
  const format = (value: number): string => `${value.toFixed(2)} % of a core`;
  return {
    rows: [
      boundedRow(
        {
          measure: "processor time, a page is open",
          ours: format(open),
          against: `switched off ${format(off)}`,
          figure: `${open.toFixed(2)} %, ${formatDifference(open - off)}`,
        },
        `< ${IDLE_BOUND_PERCENT} %`,
        open < IDLE_BOUND_PERCENT,
      ),
      boundedRow(
        {
          measure: "processor time, no page is open",
          ours: format(closed),
          against: `switched off ${format(off)}`,
          figure: formatDifference(closed - off),
        },
        `< + ${CLOSED_BOUND_PERCENT} %`,
        closed - off < CLOSED_BOUND_PERCENT,
      ),
      infoRow({
        measure: "resident memory",
        ours: `a page is open ${residentMb(workers.open)}`,
        against: `no page ${residentMb(workers.closed)}, switched off ${residentMb(workers.off)}`,
        figure: "",
      }),
    ],
    panels: [
      {
        title: "Processor time of the worker, nothing changes",
        unit: "% of a core",
        series: [
          { label: "a page is open", samples: [open], ours: true },
          { label: "no page is open", samples: [closed], ours: true },
          { label: "switched off", samples: [off] },
        ],
        bound: { value: IDLE_BOUND_PERCENT, label: `${IDLE_BOUND_PERCENT} %` },
      },
    ],
    notes: [
      `User and system time of each worker in the same ${IDLE_MS / 1000} s, with a resolution of 10 ms (0.02 %).`,
    ],
  };
}

/** The noise of the machine can make it negative. */
function formatDifference(percent: number): string {
  return `${percent < 0 ? "−" : "+"} ${Math.abs(percent).toFixed(2)} %`;
}

/** Milliseconds of user and system time, from /proc; Linux counts them in hundredths. */
function usageOf(workers: Record<DashboardUse, WorkerProcess>): Record<DashboardUse, number> {
  const read = ({ pid }: WorkerProcess): number => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // What follows the name, which may contain spaces, begins with the third field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  return { open: read(workers.open), closed: read(workers.closed), off: read(workers.off) };
}

function residentMb({ pid }: WorkerProcess): string {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return `${formatNumber((Number(kib) * 1_024) / 1e6)} MB`;
}
