import { toPrintable } from "../../../faults/foreign-text.js";
import type { DashboardStatus } from "../../dashboard-model.js";
import { createElement, elementById, setText } from "./elements.js";
import { formatDuration, formatFigure, formatQuantity } from "./formats.js";
import { webAddress } from "./status-view.js";
import type { WorkerClock } from "./worker-clock.js";

interface PollAnswer {
  readonly accepted: boolean;
  readonly nextPossibleAt: string | null;
}

/** What a refused action says. */
interface Refusal {
  readonly error?: string;
  readonly hint?: string;
}

/** The buttons, and in words what came of them. */
export class Actions {
  readonly #clock: WorkerClock;
  readonly #outcome = elementById("outcome", HTMLElement);
  #status: DashboardStatus | null = null;
  /** The sweeps that were the last ones when somebody pressed Poll now; null: nobody has. */
  #sweepsBefore: string | null = null;

  constructor(clock: WorkerClock) {
    this.#clock = clock;
  }

  start(): void {
    const pollNow = elementById("poll-now", HTMLButtonElement);
    const authorize = elementById("authorize", HTMLButtonElement);
    pollNow.addEventListener("click", () => void this.#whileBusy(pollNow, () => this.#pollNow()));
    authorize.addEventListener(
      "click",
      () => void this.#whileBusy(authorize, () => this.#authorize()),
    );
  }

  show(status: DashboardStatus): void {
    this.#status = status;
    const before = this.#sweepsBefore;
    if (before === null || before === lastSweepsOf(status)) return;
    this.#sweepsBefore = null;
    const [sweep] = status.status.organizations
      .flatMap(({ lastSweep }) => lastSweep ?? [])
      .sort((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt));
    if (sweep === undefined) return;
    const people = formatQuantity(sweep.persons, "person", "people");
    this.#say(`Webex has answered: ${people} in ${formatFigure(sweep.seconds, "s")}.`);
  }

  async #pollNow(): Promise<void> {
    const before = this.#status === null ? "" : lastSweepsOf(this.#status);
    const { accepted, nextPossibleAt } = (await post("/poll-now")) as PollAnswer;
    if (!accepted) {
      this.#say(this.#whyNotPolled());
      return;
    }
    this.#sweepsBefore = before;
    const wait =
      nextPossibleAt === null ? 0 : (Date.parse(nextPossibleAt) - this.#clock.now()) / 1_000;
    this.#say(
      wait < 1
        ? "The worker asks Webex now."
        : `The worker asks Webex in ${formatDuration(wait)}, as soon as the request limit allows.`,
    );
  }

  #whyNotPolled(): string {
    switch (this.#status?.status.phase) {
      case "disabled":
        return "Not polled: presence is off (WebexPresence.Enable=0).";
      case "starting":
        return "Not polled: the worker is still starting.";
      default:
        return "Not polled: no organization can be asked. The problems below say what to do.";
    }
  }

  async #authorize(): Promise<void> {
    // A browser opens windows only at once after a click, which is before the worker's answer.
    const opened = open("about:blank", "_blank");
    try {
      const { url } = (await post("/authorize")) as { readonly url: string };
      const address = webAddress(url);
      if (address === null) throw new ActionRefused("The worker named no address.", "");
      if (opened === null) {
        this.#say("The browser did not open the authorization page:", address);
        return;
      }
      opened.opener = null;
      opened.location.replace(address);
      this.#say("The authorization page is open in another window.");
    } catch (error) {
      opened?.close();
      throw error;
    }
  }

  /** Runs an action once at a time, and says why it failed. */
  async #whileBusy(button: HTMLButtonElement, run: () => Promise<void>): Promise<void> {
    // Not `disabled`, which would take the focus away.
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      await run();
    } catch (error) {
      this.#say(
        error instanceof ActionRefused
          ? [error.message, error.hint].filter((text) => text !== "").join(" ")
          : "The worker does not answer. Try again when the connection is back.",
      );
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  #say(text: string, address: string | null = null): void {
    setText(this.#outcome, toPrintable(text));
    if (address === null) return;
    const link = { href: address, target: "_blank", rel: "noopener noreferrer" };
    this.#outcome.append(" ", createElement("a", link, "Open it"));
  }
}

class ActionRefused extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

function lastSweepsOf({ status }: DashboardStatus): string {
  return status.organizations
    .map(({ orgId, lastSweep }) => `${orgId} ${lastSweep?.startedAt ?? ""}`)
    .join("\n");
}

async function post(path: string): Promise<unknown> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: "{}",
  });
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { error = `The worker refused (${response.status}).`, hint = "" } = answer as Refusal;
  throw new ActionRefused(error, hint);
}
