import type { DashboardStatus, PeoplePage, PeopleQuery } from "../../dashboard-model.js";
import { Actions } from "./actions.js";
import { Connection, type ConnectionState } from "./connection.js";
import { elementById, setText } from "./elements.js";
import { OrganizationsView } from "./organizations-view.js";
import { createStateFilter, PeopleGrid } from "./people-grid.js";
import { PeopleWindow } from "./people-window.js";
import { Plots } from "./plots.js";
import { StatusView } from "./status-view.js";
import { ThemeSwitch } from "./theme.js";
import { WorkerClock } from "./worker-clock.js";

const TICK_MS = 1_000;

const LOST_TEXTS = {
  lost: [
    "The connection to the worker is lost",
    "Trying to reconnect. What this page shows is out of date. If the worker has ended, its host starts it again, and it has another address then.",
  ],
  keyRejected: [
    "The worker has been restarted",
    "Its dashboard has a new address, and what this page shows is out of date. Run “ucx-webex-presence dashboard” to get the address, and open it; this page then continues by itself.",
  ],
} as const;

const EMPTY_TEXTS: Readonly<Record<DashboardStatus["status"]["phase"], string>> = {
  starting: "Nobody is known yet: the worker is starting.",
  disabled: "Nobody is known yet: presence is off.",
  blocked: "Nobody is known yet: no organization can be asked.",
  polling: "Nobody is known yet: the first sweep has not come to an end.",
  stopping: "The worker is about to end.",
};

const theme = new ThemeSwitch();
theme.apply();
addEventListener("DOMContentLoaded", start);

function start(): void {
  const clock = new WorkerClock();
  const connection = new Connection();
  const status = new StatusView(clock);
  const actions = new Actions(clock);
  const organizations = new OrganizationsView(clock);
  const plots = new Plots();
  const people = new PeopleWindow(fetchPeople);
  const grid = new PeopleGrid(people, clock);

  theme.start(() => plots.redraw());
  actions.start();
  plots.start();
  grid.start();
  createStateFilter((states) => {
    people.choose({ states });
    grid.scrollToTop();
  });
  const search = elementById("search", HTMLInputElement);
  search.addEventListener("input", () => {
    people.choose({ search: search.value.trim() });
    grid.scrollToTop();
  });
  fetchOnlyWhatIsVisible(people);

  connection.events.on("historyReceived", (history) => plots.setHistory(history));
  connection.events.on("stateChanged", (state) => {
    showConnection(state);
    // People may have changed unnoticed.
    if (state === "open") people.refresh();
  });
  connection.events.on("received", (event) => {
    switch (event.kind) {
      case "status": {
        clock.set(event.now);
        status.show(event);
        actions.show(event);
        organizations.show(event);
        const { organizations: polled, phase } = event.status;
        const names = polled.map(({ orgId, orgName }): [string, string] => [orgId, orgName]);
        grid.setOrganizations(new Map(names.length > 1 ? names : []));
        grid.setEmptyText(EMPTY_TEXTS[phase]);
        break;
      }
      case "sample":
        plots.add(event.sample);
        break;
      case "people":
        people.refresh();
        break;
    }
  });
  connection.start();
  setInterval(() => {
    if (document.hidden) return;
    status.tick();
    organizations.tick();
    grid.tick();
  }, TICK_MS);
}

/** Nobody looks at the list in a hidden window, or where it is scrolled out of sight. */
function fetchOnlyWhatIsVisible(people: PeopleWindow): void {
  let isInSight = true;
  const update = (): void => people.setActive(isInSight && !document.hidden);
  new IntersectionObserver(
    (entries) => {
      isInSight = entries.at(-1)?.isIntersecting ?? true;
      update();
    },
    { rootMargin: "400px" },
  ).observe(elementById("people", HTMLElement));
  document.addEventListener("visibilitychange", update);
  update();
}

function showConnection(state: ConnectionState): void {
  const lost = elementById("lost", HTMLElement);
  const isLost = state === "lost" || state === "keyRejected";
  document.body.classList.toggle("outdated", isLost);
  if (isLost) {
    const [title, text] = LOST_TEXTS[state];
    setText(elementById("lost-title", HTMLElement), title);
    setText(elementById("lost-text", HTMLElement), text);
  }
  lost.hidden = !isLost;
}

async function fetchPeople(query: PeopleQuery): Promise<PeoplePage> {
  const { search, states, sort, order, offset, limit } = query;
  const parameters = new URLSearchParams({
    search,
    states: states.join(","),
    sort,
    order,
    offset: String(offset),
    limit: String(limit),
  });
  const response = await fetch(`/people?${parameters.toString()}`);
  if (!response.ok) throw new Error(`The worker refused the request (${response.status}).`);
  return (await response.json()) as PeoplePage;
}
