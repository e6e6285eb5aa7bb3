import uPlot from "uplot";
import uPlotStyle from "uplot/dist/uPlot.min.css";

import type { DashboardHistory, DashboardSample } from "../../dashboard-model.js";
import { createElement, elementById, setAttribute, setText } from "./elements.js";
import { formatFigure, formatMinute } from "./formats.js";

type Figure = Exclude<keyof DashboardSample, "at">;

interface PlottedFigure {
  readonly figure: Figure;
  readonly label: string;
  /** Beside the plot, where there is little space. */
  readonly shortLabel?: string;
}

interface PlotDefinition {
  readonly title: string;
  readonly unit: string;
  readonly figures: readonly PlottedFigure[];
}

const PLOTS: readonly PlotDefinition[] = [
  {
    title: "Requests a minute",
    unit: "",
    figures: [
      { figure: "requestsPerMinute", label: "all" },
      { figure: "rateLimitedPerMinute", label: "answered 429" },
    ],
  },
  {
    title: "Age of watched people",
    unit: "s",
    figures: [
      { figure: "watchedAgeP50", label: "median" },
      { figure: "watchedAgeP95", label: "95th percentile", shortLabel: "95 %" },
    ],
  },
  {
    title: "Duration of a sweep",
    unit: "s",
    figures: [{ figure: "sweepSeconds", label: "last sweep" }],
  },
  {
    title: "Changes a minute",
    unit: "",
    figures: [{ figure: "changesPerMinute", label: "changes of presence" }],
  },
];

const HOUR_SECONDS = 3_600;
const PLOT_HEIGHT = 132;
/** The table has a row for each of these. */
const TABLE_STEP_SECONDS = 300;
/** The second series is told from the first by its dashes, too. */
const DASHES: readonly (readonly number[])[] = [[], [5, 3]];

/** Samples of the last hour, the oldest first. */
class Samples {
  list: DashboardSample[] = [];

  add(sample: DashboardSample): void {
    this.list = this.list.filter(
      ({ at }) => at < sample.at && at > sample.at - HOUR_SECONDS - TABLE_STEP_SECONDS,
    );
    this.list.push(sample);
  }

  column(key: keyof DashboardSample): (number | null)[] {
    return this.list.map((sample) => sample[key]);
  }
}

/** One plot, with the figures of the sample that the cursor is at, or the latest, beside it. */
class Plot {
  readonly element: HTMLElement;
  readonly #definition: PlotDefinition;
  readonly #holder: HTMLElement;
  readonly #values: readonly HTMLElement[];
  readonly #time = createElement("span", { class: "plot-time" });
  readonly #plot: uPlot;
  #samples: readonly DashboardSample[] = [];

  constructor(definition: PlotDefinition) {
    this.#definition = definition;
    this.#values = definition.figures.map(() => createElement("strong", {}));
    const legend = createElement("p", { class: "legend" });
    const markers = definition.figures.map(({ label, shortLabel = label }, index) => {
      const marker = createElement("span", { class: `marker series-${index}` });
      const value = this.#values[index] ?? "";
      legend.append(createElement("span", {}, marker, `${shortLabel} `, value));
      return marker;
    });
    this.#holder = createElement("div", { class: "canvas", role: "img" });
    this.element = createElement(
      "figure",
      {
        class: "plot",
        "data-testid": "plot",
        "data-series": definition.figures.map(({ figure }) => figure).join(" "),
      },
      createElement(
        "figcaption",
        {},
        createElement("h3", {}, definition.title, this.#time),
        legend,
      ),
      this.#holder,
    );
    this.#plot = new uPlot(this.#options(markers), [[], ...definition.figures.map(() => [])]);
    this.#holder.append(this.#plot.root);
    new ResizeObserver(() => this.#resize()).observe(this.#holder);
  }

  show(samples: Samples): void {
    this.#samples = samples.list;
    const columns = this.#definition.figures.map(({ figure }) => samples.column(figure));
    this.#plot.setData([samples.list.map(({ at }) => at), ...columns]);
    setAttribute(this.#holder, "aria-label", this.#describe());
    this.#showValues();
  }

  /** Draws in the page's present colors. */
  redraw(): void {
    this.#plot.redraw(false, true);
  }

  #resize(): void {
    const width = this.#holder.clientWidth;
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: PLOT_HEIGHT });
  }

  #showValues(): void {
    const at = this.#plot.cursor.idx;
    const sample = this.#samples[at ?? this.#samples.length - 1];
    const isLatest = at === null || at === undefined;
    setText(this.#time, isLatest || sample === undefined ? "" : formatMinute(sample.at));
    this.#definition.figures.forEach(({ figure }, index) => {
      const element = this.#values[index];
      const value = sample?.[figure] ?? null;
      if (element) setText(element, formatFigure(value, this.#definition.unit));
    });
  }

  /** The plot in words, for those who do not see it. */
  #describe(): string {
    const { title, unit, figures } = this.#definition;
    const parts = figures.map(({ figure, label }) => {
      const values = this.#samples.flatMap((sample) => sample[figure] ?? []);
      if (values.length === 0) return `${label}: no figures yet`;
      const latest = this.#samples.at(-1)?.[figure] ?? null;
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const format = (value: number | null): string => formatFigure(value, unit);
      const present = latest === null ? "unknown" : format(latest);
      return `${label}: now ${present}, between ${format(low)} and ${format(high)}`;
    });
    return `${title} in the last hour. ${parts.join(". ")}.`;
  }

  #options(markers: readonly HTMLElement[]): uPlot.Options {
    const colorOf = (element: Element): string => getComputedStyle(element).color;
    const quiet = (): string => colorOf(this.#time);
    const line = (): string => getComputedStyle(this.#holder).borderTopColor;
    const font = '11px system-ui, "Segoe UI", Roboto, sans-serif';
    const axis = { stroke: quiet, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
    return {
      width: 300,
      height: PLOT_HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 7 } },
      scales: {
        x: {
          range: () => {
            const end = this.#samples.at(-1)?.at ?? Date.now() / 1_000;
            return [end - HOUR_SECONDS, end];
          },
        },
        // A flat line at zero has an axis, too.
        y: { range: (_plot, _low, high) => [0, Math.max(1, high) * 1.1] },
      },
      axes: [
        {
          ...axis,
          size: 24,
          grid: { show: false },
          space: 56,
          incrs: [600, 900, 1_200, 1_800],
          values: (_plot, times) => times.map(formatMinute),
        },
        {
          ...axis,
          size: 40,
          space: 24,
          values: (_plot, values) => values.map((value) => formatFigure(value)),
        },
      ],
      series: [
        {},
        ...markers.map((marker, index) => ({
          stroke: () => colorOf(marker),
          width: 1.5,
          dash: [...(DASHES[index] ?? [])],
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [() => this.#showValues()] },
    };
  }
}

/** The plots of the last hour, and the same figures as a table. */
export class Plots {
  readonly #samples = new Samples();
  readonly #plots = PLOTS.map((definition) => new Plot(definition));
  readonly #details = elementById("history", HTMLDetailsElement);

  start(): void {
    // The page's policy allows no style element but its own.
    const style = new CSSStyleSheet();
    style.replaceSync(uPlotStyle);
    document.adoptedStyleSheets.push(style);
    elementById("plots", HTMLElement).append(...this.#plots.map(({ element }) => element));
    const figures = PLOTS.flatMap((plot) =>
      plot.figures.map(({ label }) => {
        const unit = plot.unit === "" ? "" : ` (${plot.unit})`;
        return createElement("th", { scope: "col" }, `${plot.title}${unit}: ${label}`);
      }),
    );
    elementById("history-head", HTMLElement).append(
      createElement("tr", {}, createElement("th", { scope: "col" }, "Time"), ...figures),
    );
    this.#details.addEventListener("toggle", () => this.#showTable());
  }

  setHistory({ samples }: DashboardHistory): void {
    this.#samples.list = [...samples];
    this.#show();
  }

  add(sample: DashboardSample): void {
    this.#samples.add(sample);
    this.#show();
  }

  redraw(): void {
    for (const plot of this.#plots) plot.redraw();
  }

  #show(): void {
    for (const plot of this.#plots) plot.show(this.#samples);
    this.#showTable();
  }

  /** The latest sample of every five minutes, the latest first. */
  #showTable(): void {
    if (!this.#details.open) return;
    const latest = new Map<number, DashboardSample>();
    for (const sample of this.#samples.list)
      latest.set(Math.floor(sample.at / TABLE_STEP_SECONDS), sample);
    const figures = PLOTS.flatMap((plot) => plot.figures);
    const rows = [...latest.values()].reverse().map((sample) => {
      const time = createElement("th", { scope: "row" }, formatMinute(sample.at));
      const cells = figures.map(({ figure }) =>
        createElement("td", {}, formatFigure(sample[figure])),
      );
      return createElement("tr", {}, time, ...cells);
    });
    elementById("history-body", HTMLElement).replaceChildren(...rows);
  }
}
