import type { Authorization } from "../../../authorization/grant.js";
import { toPrintable } from "../../../faults/foreign-text.js";
import type { OrganizationStatus } from "../../../supervisor/status.js";
import type { DashboardStatus } from "../../dashboard-model.js";
import { createElement, elementById, setAttribute, setText, updateList } from "./elements.js";
import {
  formatCount,
  formatDate,
  formatDuration,
  formatFigure,
  formatQuantity,
  formatTime,
} from "./formats.js";
import type { WorkerClock } from "./worker-clock.js";

/** An organization that is authorized, or polled, or both. */
interface Organization {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorization: Authorization | null;
  readonly polling: OrganizationStatus | null;
  readonly hasProblem: boolean;
}

interface OrganizationView {
  readonly element: HTMLLIElement;
  readonly name: HTMLElement;
  readonly badge: HTMLElement;
  readonly grant: HTMLElement;
  readonly meter: HTMLElement;
  /** The values by label. */
  readonly facts: ReadonlyMap<FactLabel, HTMLElement>;
}

const FACT_LABELS = [
  "People",
  "Requests, last minute",
  "Requests in all",
  "Age of watched people",
  "Last sweep",
  "Next request",
] as const;
type FactLabel = (typeof FACT_LABELS)[number];

const MODES: Readonly<Record<OrganizationStatus["mode"], string>> = {
  sweep: "by sweeps",
  lookup: "by lookups",
  mixed: "by sweeps and lookups",
};

/** The organizations, each with its authorization and its polling. */
export class OrganizationsView {
  readonly #clock: WorkerClock;
  readonly #list = elementById("organizations", HTMLElement);
  readonly #views = new Map<string, OrganizationView>();
  #organizations: readonly Organization[] = [];

  constructor(clock: WorkerClock) {
    this.#clock = clock;
  }

  show(status: DashboardStatus): void {
    this.#organizations = joinOrganizations(status);
    elementById("no-organizations", HTMLElement).hidden = this.#organizations.length > 0;
    this.tick();
  }

  /** Updates what changes with time alone. */
  tick(): void {
    updateList(this.#list, this.#views, this.#organizations, {
      keyOf: ({ orgId }) => orgId,
      create: createOrganization,
      update: (view, organization) => this.#update(view, organization),
    });
  }

  #update(view: OrganizationView, organization: Organization): void {
    const { authorization, polling, hasProblem } = organization;
    setText(view.name, toPrintable(organization.orgName));
    const isAuthorized = authorization?.state === "valid";
    view.badge.className = `badge ${isAuthorized && !hasProblem ? "good" : "caution"}`;
    setText(
      view.badge,
      !isAuthorized
        ? "Authorization required"
        : hasProblem
          ? "Authorized, needs attention"
          : "Authorized",
    );
    setText(view.grant, authorization === null ? "" : describeGrant(authorization));
    const values = polling === null ? null : this.#values(polling);
    for (const [label, element] of view.facts) setText(element, values?.[label] ?? "–");
    const { lastMinute = 0, perMinuteLimit = 1 } = polling?.requests ?? {};
    setAttribute(view.meter, "data-level", lastMinute >= perMinuteLimit ? "full" : null);
    const share = `${Math.min(1, lastMinute / Math.max(1, perMinuteLimit)) * 100}%`;
    view.meter.style.setProperty("--share", share);
  }

  #values(polling: OrganizationStatus): Record<FactLabel, string> {
    const { requests, lastSweep, sweepProgress, ageSeconds } = polling;
    const sweeps: string[] = [];
    if (lastSweep !== null) {
      const ago = formatDuration(this.#clock.secondsSince(lastSweep.startedAt));
      sweeps.push(
        `${formatFigure(lastSweep.seconds, "s")} for ${formatQuantity(lastSweep.persons, "person", "people")}, begun ${ago} ago`,
      );
    }
    if (sweepProgress !== null)
      sweeps.push(`now at ${formatQuantity(sweepProgress.persons, "person", "people")}`);
    const { watchedP50, watchedP95 } = ageSeconds;
    return {
      People: `${formatCount(polling.persons)}, ${formatCount(polling.watched)} watched`,
      "Requests, last minute": `${formatCount(requests.lastMinute)} of ${formatCount(requests.perMinuteLimit)}, ${MODES[polling.mode]}`,
      "Requests in all": `${formatCount(requests.total)}, ${formatCount(requests.rateLimited)} answered 429, ${formatCount(requests.failed)} failed`,
      "Age of watched people":
        watchedP50 === null
          ? "nobody is watched"
          : `${formatAge(watchedP50)} median, ${formatAge(watchedP95)} 95th percentile`,
      "Last sweep": sweeps.length === 0 ? "none yet" : sweeps.join("; "),
      "Next request": this.#nextRequest(polling),
    };
  }

  #nextRequest({ rateLimitedUntil, nextRequestAt }: OrganizationStatus): string {
    const now = this.#clock.now();
    if (rateLimitedUntil !== null && Date.parse(rateLimitedUntil) > now)
      return `Webex asks the worker to wait until ${formatTime(rateLimitedUntil, now)}`;
    if (nextRequestAt === null) return "–";
    const seconds = (Date.parse(nextRequestAt) - now) / 1_000;
    return seconds < 1 ? "now" : `in ${formatDuration(seconds)}`;
  }
}

/** Ages of seconds are what the settings are about, so they have a decimal. */
function formatAge(seconds: number | null): string {
  return seconds !== null && seconds < 60 ? formatFigure(seconds, "s") : formatDuration(seconds);
}

function joinOrganizations({ status, authorizations }: DashboardStatus): Organization[] {
  const troubled = new Set(
    status.problems
      .filter(({ severity, orgId }) => severity !== "info" && orgId !== null)
      .map(({ orgId }) => orgId),
  );
  const polled = new Map(status.organizations.map((each) => [each.orgId, each]));
  const known = authorizations.map((authorization): Organization => {
    const { orgId, orgName } = authorization;
    const polling = polled.get(orgId) ?? null;
    polled.delete(orgId);
    return { orgId, orgName, authorization, polling, hasProblem: troubled.has(orgId) };
  });
  const others = [...polled.values()].map((polling): Organization => ({
    orgId: polling.orgId,
    orgName: polling.orgName,
    authorization: null,
    polling,
    hasProblem: true,
  }));
  return [...known, ...others];
}

function describeGrant({
  authorizedBy,
  refreshTokenExpiresAt,
  state,
  grantedAt,
}: Authorization): string {
  const by = authorizedBy === null ? "" : ` by ${toPrintable(authorizedBy)}`;
  if (state === "required")
    return `Authorized${by} on ${formatDate(grantedAt)}; this authorization is no longer valid.`;
  const until =
    refreshTokenExpiresAt === null
      ? ""
      : `, valid until ${formatDate(refreshTokenExpiresAt)} (extended automatically)`;
  return `Authorized${by} on ${formatDate(grantedAt)}${until}.`;
}

function createOrganization(): OrganizationView {
  const name = createElement("bdi", {});
  const badge = createElement("span", {});
  const grant = createElement("p", { class: "quiet", dir: "auto" });
  const meter = createElement("span", { class: "meter", "aria-hidden": "true" });
  const facts = new Map<FactLabel, HTMLElement>();
  const list = createElement("dl", { class: "facts" });
  for (const label of FACT_LABELS) {
    const value = createElement("span", {});
    facts.set(label, value);
    const cell = createElement("dd", {}, value);
    if (label === "Requests, last minute") cell.append(meter);
    list.append(createElement("div", {}, createElement("dt", {}, label), cell));
  }
  const heading = createElement("h3", {}, name);
  const element = createElement(
    "li",
    { class: "organization", "data-testid": "organization" },
    createElement("div", { class: "organization-head" }, heading, badge),
    grant,
    list,
  );
  return { element, name, badge, grant, meter, facts };
}
