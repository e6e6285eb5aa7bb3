import { toPrintable } from "../../../faults/foreign-text.js";
import type { ProblemSeverity } from "../../../faults/problem-catalog.js";
import type { Problem, WorkerStatus } from "../../../supervisor/status.js";
import type { DashboardFlow, DashboardStatus } from "../../dashboard-model.js";
import { createElement, elementById, setAttribute, setText, updateList } from "./elements.js";
import { formatDuration, formatQuantity, formatTime } from "./formats.js";
import type { WorkerClock } from "./worker-clock.js";

type Tone = "good" | "busy" | "caution" | "bad" | "neutral";

interface PhaseText {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
}

interface ProblemView {
  readonly element: HTMLLIElement;
  readonly severity: HTMLElement;
  readonly message: HTMLElement;
  readonly hint: HTMLElement;
  readonly since: HTMLElement;
}

const SEVERITIES: readonly ProblemSeverity[] = ["error", "warning", "info"];
const SEVERITY_LABELS: Readonly<Record<ProblemSeverity, string>> = {
  error: "Error",
  warning: "Warning",
  info: "Note",
};

/** The phase, the problems, and the open authorization. */
export class StatusView {
  readonly #clock: WorkerClock;
  readonly #phase = elementById("phase", HTMLElement);
  readonly #problems = elementById("problems", HTMLElement);
  readonly #problemViews = new Map<string, ProblemView>();
  #flow: DashboardFlow | null = null;

  constructor(clock: WorkerClock) {
    this.#clock = clock;
  }

  show({ status, flow }: DashboardStatus): void {
    const { tone, title, text } = describePhase(status);
    this.#phase.className = `state ${tone}`;
    setAttribute(this.#phase, "data-phase", status.phase);
    setText(elementById("phase-title", HTMLElement), title);
    setText(elementById("phase-text", HTMLElement), text);
    document.title = `${title} – Webex presence dashboard`;
    this.#showFacts(status);
    this.#showProblems(status.problems);
    this.#flow = flow;
    this.tick();
  }

  /** Updates what changes with time alone. */
  tick(): void {
    const flow = this.#flow;
    elementById("flow", HTMLElement).hidden = flow === null;
    if (flow === null) return;
    const left = (Date.parse(flow.expiresAt) - this.#clock.now()) / 1_000;
    const expiry = left > 0 ? `, for another ${formatDuration(left)}` : "";
    setText(
      elementById("flow-text", HTMLElement),
      flow.method === "browser"
        ? `An authorization page is open${expiry}:`
        : `An authorization by code is open${expiry}. Enter the code at`,
    );
    const link = elementById("flow-link", HTMLAnchorElement);
    const address = webAddress(flow.url);
    setAttribute(link, "href", address);
    const isBrowser = flow.method === "browser";
    setText(link, isBrowser ? "Open the authorization page" : toPrintable(flow.url));
    const code = elementById("flow-code", HTMLElement);
    code.hidden = flow.userCode === null;
    setText(code, toPrintable(flow.userCode ?? ""));
  }

  #showFacts(status: WorkerStatus): void {
    const now = this.#clock.now();
    const facts: [string, string][] = [
      ["In this phase since", formatTime(status.since, now)],
      ["Worker", `${status.version}, process ${status.pid}`],
      ["Started", formatTime(status.startedAt, now)],
      [
        "Authorizations",
        status.secretStore === "keychain" ? "in the keychain" : "in memory, lost at its end",
      ],
      ["Settings", toPrintable(status.settings.path)],
    ];
    const list = elementById("phase-facts", HTMLElement);
    if (list.childElementCount === 0) {
      for (const [label] of facts)
        list.append(
          createElement("div", {}, createElement("dt", {}, label), createElement("dd", {})),
        );
    }
    facts.forEach(([, value], index) => {
      const element = list.children[index]?.lastElementChild;
      if (element) setText(element, value);
    });
  }

  #showProblems(problems: readonly Problem[]): void {
    elementById("problems-section", HTMLElement).hidden = problems.length === 0;
    const ordered = [...problems].sort(
      (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
    );
    // The worker lists two invalid settings under one code, always in the same order.
    const counts = new Map<string, number>();
    const keyed = ordered.map((problem) => {
      const name = `${problem.code} ${problem.orgId ?? ""}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return { key: `${name} ${count}`, problem };
    });
    updateList(this.#problems, this.#problemViews, keyed, {
      keyOf: ({ key }) => key,
      create: createProblem,
      update: (view, { problem }) => {
        view.element.className = `problem ${problem.severity}`;
        setAttribute(view.element, "data-code", problem.code);
        setText(view.severity, SEVERITY_LABELS[problem.severity]);
        setText(view.message, toPrintable(problem.message));
        setText(view.hint, toPrintable(problem.hint));
        setText(view.since, formatTime(problem.since, this.#clock.now()));
      },
    });
  }
}

function createProblem(): ProblemView {
  const severity = createElement("span", { class: "badge" });
  const message = createElement("p", { class: "message" });
  const hint = createElement("span", { dir: "auto" });
  const since = createElement("span", {});
  const element = createElement(
    "li",
    { "data-testid": "problem" },
    createElement("span", { class: "mark", "aria-hidden": "true" }),
    createElement(
      "div",
      {},
      message,
      createElement("p", { class: "remedy" }, createElement("strong", {}, "What to do: "), hint),
      createElement("p", { class: "quiet" }, severity, " since ", since),
    ),
  );
  return { element, severity, message, hint, since };
}

/** What the phase means for presence. The texts hold no figure that changes by itself. */
export function describePhase({ phase, problems, organizations }: WorkerStatus): PhaseText {
  switch (phase) {
    case "starting":
      return {
        tone: "busy",
        title: "Starting",
        text: "The worker reads its settings. Everybody's presence is unknown until then.",
      };
    case "disabled":
      return {
        tone: "neutral",
        title: "Presence is off",
        text: "The worker does not ask Webex, and everybody's presence is unknown. WebexPresence.Enable=1 in the settings file switches presence on.",
      };
    case "blocked":
      return {
        tone: "bad",
        title: "Blocked: somebody has to act",
        text: "Presence is on, but no organization can be asked, so everybody's presence is unknown. What to do is below.",
      };
    case "stopping":
      return { tone: "busy", title: "Stopping", text: "The worker is about to end." };
    case "polling": {
      const asked = nameOrganizations(organizations.map(({ orgName }) => orgName));
      const count = problems.filter(({ severity }) => severity !== "info").length;
      if (count === 0)
        return {
          tone: "good",
          title: "Polling Webex",
          text: `The worker reads the presence of ${asked}.`,
        };
      return {
        tone: "caution",
        title: "Polling Webex, with problems",
        text: `The worker asks Webex for the presence of ${asked}, and reports ${formatQuantity(count, "problem", "problems")}: what to do is below.`,
      };
    }
  }
}

/** Names a few organizations and counts many. */
function nameOrganizations(names: readonly string[]): string {
  if (names.length === 0 || names.length > 3)
    return formatQuantity(names.length, "organization", "organizations");
  return toPrintable(names.join(" and ").replace(" and ", names.length > 2 ? ", " : " and "));
}

/** An address that a link may have; null for anything but http and https. */
export function webAddress(address: string): string | null {
  return /^https?:\/\//i.test(address) && URL.canParse(address) ? address : null;
}
