import type { PageNotices, PageNoticesEvents } from "../authorization/page/page-model.js";
import { type Disposer, Emitter } from "../faults/emitter.js";
import { toPrintableJson } from "../faults/foreign-text.js";
import type { Clock } from "../ports/clock.js";
import type { ReplacedFile } from "../ports/process.js";
import { defaultSettings, settingsValues } from "../settings/keys.js";
import type { SettingsState } from "../settings/settings-store.js";
import type { ProblemReport, ProblemSeverity } from "../faults/problem-catalog.js";
import type { Logger, LogLevel } from "../ports/logger.js";
import { type ProblemChange, ProblemList } from "../supervisor/problem-list.js";
import type {
  OrganizationStatus,
  Phase,
  Problem,
  StatusEvents,
  WorkerStatus,
} from "../supervisor/status.js";

const FILE_INTERVAL_MS = 10_000;
/**
 * The number of persons changes with every sweep of a busy organization: the file follows it at
 * most this often.
 */
const COUNTS_INTERVAL_MS = 1_000;
/** The worker's exit does not wait longer for a program that holds the file. */
const LAST_WRITE_MS = 250;
const LEVEL: Readonly<Record<ProblemSeverity, LogLevel>> = {
  error: "error",
  warning: "warn",
  info: "info",
};

/** What does not change while the process runs. */
export interface ProcessFacts {
  readonly version: string;
  readonly pid: number;
  readonly secretStore: "keychain" | "memory";
  readonly settingsPath: string;
}

/**
 * What the reconcile loop decides, and where the rest is read from: a save that changes no setting
 * publishes nothing.
 */
export interface PublishedState {
  readonly phase: Phase;
  readonly settings: () => SettingsState | null;
  readonly problems: readonly ProblemReport[];
  readonly organizations: () => readonly OrganizationStatus[];
}

/**
 * The worker's status: answers queries, emits changes, keeps the status file up to date, and logs
 * how problems come and go.
 */
export class StatusPublisher implements PageNotices {
  readonly events = new Emitter<StatusEvents & PageNoticesEvents>();
  readonly #facts: ProcessFacts;
  readonly #clock: Clock;
  readonly #file: ReplacedFile;
  readonly #logger: Logger;
  readonly #problems: ProblemList;
  readonly #startedAt: string;
  #state: PublishedState = {
    phase: "starting",
    settings: () => null,
    problems: [],
    organizations: () => [],
  };
  #phaseSince: string;
  #writtenKey = "";
  #writtenCounts = "";
  #writtenAt = Number.NEGATIVE_INFINITY;
  #cancelRegularWrite: Disposer | null = null;
  #cancelCountsWrite: Disposer | null = null;

  constructor(facts: ProcessFacts, clock: Clock, file: ReplacedFile, logger: Logger) {
    this.#facts = facts;
    this.#clock = clock;
    this.#file = file;
    this.#logger = logger;
    this.#problems = new ProblemList(() => clock.now());
    this.#startedAt = new Date(clock.now()).toISOString();
    this.#phaseSince = this.#startedAt;
  }

  /** The present problems, also for the authorization page. */
  list(): readonly Problem[] {
    return this.#problems.problems;
  }

  current(): WorkerStatus {
    const { phase, organizations } = this.#state;
    const settings = this.#state.settings();
    const { version, pid, secretStore, settingsPath } = this.#facts;
    return {
      phase,
      enabled: settings?.settings.enable === true,
      since: this.#phaseSince,
      version,
      startedAt: this.#startedAt,
      pid,
      secretStore,
      settings: {
        path: settingsPath,
        loadedAt: isoOrNull(settings?.loadedAt ?? null),
        values: settingsValues(settings?.settings ?? defaultSettings),
      },
      problems: this.#problems.problems,
      organizations: organizations(),
    };
  }

  /**
   * Emits `statusChanged` and writes the file if the state differs from the one published before.
   */
  publish(state: PublishedState): void {
    const isPhaseChanged = state.phase !== this.#state.phase;
    if (isPhaseChanged) this.#phaseSince = new Date(this.#clock.now()).toISOString();
    this.#state = state;
    const problemChange = this.#problems.replace(state.problems);
    if (problemChange !== null) this.#log(problemChange);
    const status = this.current();
    if (changeKey(status) !== this.#writtenKey) this.#write(status);
    else if (countsKey(status) !== this.#writtenCounts) this.#writeCounts(status);
    if (problemChange !== null) this.events.emit("problemsChanged");
    if (isPhaseChanged || problemChange !== null) this.events.emit("statusChanged");
  }

  /**
   * Writes the file now and every 10 s; `refresh` publishes details that changed without an event.
   */
  start(refresh: () => void = () => undefined): void {
    this.#write(this.current());
    this.#scheduleRegularWrite(refresh);
  }

  /** Writes the file a last time. */
  async stop(): Promise<void> {
    this.#cancelRegularWrite?.();
    this.#cancelCountsWrite?.();
    await this.#file.write(fileText(this.current()), LAST_WRITE_MS);
  }

  #log({ reported, ended }: ProblemChange): void {
    for (const { severity, code, orgId, message, hint } of reported) {
      this.#logger[LEVEL[severity]](message, { code, orgId, hint });
    }
    // A worker that stops no longer observes its organizations.
    if (this.#state.phase === "stopping") return;
    for (const { code, orgId, message, since } of ended) {
      const seconds = Math.max(0, Math.round((this.#clock.now() - Date.parse(since)) / 1_000));
      this.#logger.info("The problem has ended.", { code, orgId, seconds, problem: message });
    }
  }

  #write(status: WorkerStatus): void {
    this.#cancelCountsWrite?.();
    this.#cancelCountsWrite = null;
    this.#writtenKey = changeKey(status);
    this.#writtenCounts = countsKey(status);
    this.#writtenAt = this.#clock.monotonic();
    void this.#file.write(fileText(status));
  }

  #writeCounts(status: WorkerStatus): void {
    const delayMs = this.#writtenAt + COUNTS_INTERVAL_MS - this.#clock.monotonic();
    if (delayMs <= 0) this.#write(status);
    else {
      this.#cancelCountsWrite ??= this.#clock.schedule(Math.ceil(delayMs), () =>
        this.#write(this.current()),
      );
    }
  }

  #scheduleRegularWrite(refresh: () => void): void {
    this.#cancelRegularWrite = this.#clock.schedule(FILE_INTERVAL_MS, () => {
      refresh();
      this.#write(this.current());
      this.#scheduleRegularWrite(refresh);
    });
  }
}

/**
 * What makes the file be written at once. Counters are left out: they wait for the next regular
 * write.
 */
function changeKey({ phase, settings, problems, organizations }: WorkerStatus): string {
  const names = organizations.map(({ orgId, orgName }) => [orgId, orgName]);
  return JSON.stringify([phase, settings, problems, names]);
}

/**
 * What makes the file be written within a second: the number of persons, and whether it is known
 * already.
 */
function countsKey({ organizations }: WorkerStatus): string {
  return JSON.stringify(
    organizations.map(({ persons, lastSweep }) => [persons, lastSweep !== null]),
  );
}

function fileText(status: WorkerStatus): string {
  return `${toPrintableJson(status, 2)}\n`;
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
