import type { WorkerStatus } from "../supervisor/status.js";
import type { PersonRefreshes } from "./person-refreshes.js";
import type { PresenceTracker } from "./presence-tracker.js";
import type { PresenceTableModel } from "./terminal/presence-table.js";
import type { TableControls } from "./terminal/table-controls.js";
import { withLocalTimes } from "./terminal/text.js";

/** The table of `watch`. `hasKeys`: whether people can be selected. */
export function presenceTable(
  status: WorkerStatus,
  tracker: PresenceTracker,
  controls: TableControls,
  { refreshing, message }: PersonRefreshes,
  hasKeys: boolean,
): PresenceTableModel {
  const { repeatedNames, totals, changes } = tracker;
  const { records, cursor, filter, hasHelp } = controls.select(tracker);
  const { phase, organizations } = status;
  const names = organizationNames(status);
  const sweeping = organizations.filter(({ lastSweep }) => lastSweep === null);
  const now = Date.now();
  const persons = sum(sweeping.map(({ sweepProgress }) => sweepProgress?.persons ?? 0));
  return {
    now,
    title: names === "" ? "Webex presence" : `Webex presence of ${names}`,
    summary: summaryText(status),
    notes: phase === "polling" ? [] : [phaseText(status)],
    problems: problemTexts(status, now),
    sweep: phase === "polling" && sweeping.length > 0 ? { persons, expected: null } : null,
    totals,
    records,
    filter,
    repeatedNames,
    changes,
    cursor: hasKeys ? cursor : null,
    refreshing,
    message,
    hasHelp,
  };
}

function organizationNames({ organizations }: WorkerStatus): string {
  return organizations.map(({ orgName }) => orgName).join(", ");
}

export function phaseText(status: WorkerStatus): string {
  switch (status.phase) {
    case "starting":
      return "The worker is reading its settings.";
    case "disabled":
      return "The worker is disabled. To see presence, set WebexPresence.Enable=1 in the settings.";
    case "blocked":
      return "The worker is blocked: action is required before it can read presence.";
    case "polling":
      return `The worker is polling the presence of ${organizationNames(status)}.`;
    case "stopping":
      return "The worker is stopping.";
  }
}

export function problemTexts({ problems }: WorkerStatus, now: number): string[] {
  return problems
    .filter(({ severity }) => severity !== "info")
    .map(({ severity, message, hint }) => withLocalTimes(`${severity}: ${message} → ${hint}`, now));
}

function summaryText({ phase, organizations }: WorkerStatus): string {
  if (organizations.length === 0) return phase;
  const lastMinute = sum(organizations.map(({ requests }) => requests.lastMinute));
  const limit = sum(organizations.map(({ requests }) => requests.perMinuteLimit));
  return `${phase}, ${lastMinute} of ${limit} requests/min`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
