import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { StatusFile } from "../ports/process.js";
import { settingsValues } from "../settings/keys.js";
import type { SettingsState } from "../settings/settings-store.js";
import { defaultSettings } from "../settings/keys.js";
import { ProblemList, type ProblemReport } from "../supervisor/problem-list.js";
import type {
  OrganizationStatus,
  Phase,
  StatusEvents,
  WorkerStatus,
} from "../supervisor/status.js";

const FILE_EVERY_MS = 10_000;
/** A changed number of persons waits for this long since the file was last written: it changes with every sweep of a busy organization. */
const COUNTS_EVERY_MS = 1_000;

/** What the status is made of, asked for when it is shown. */
export interface StatusSources {
  readonly phase: () => Phase;
  readonly settings: () => SettingsState | null;
  readonly problems: () => readonly ProblemReport[];
  readonly organizations: () => readonly OrganizationStatus[];
}

export interface StatusFacts {
  readonly version: string;
  readonly pid: number;
  readonly secretStore: "keychain" | "memory";
  readonly settingsPath: string;
}

/** The worker's status: what a host asks for, hears of when it changes, and what stands in the status file. */
export class StatusPublisher {
  readonly #sources: StatusSources;
  readonly #facts: StatusFacts;
  readonly #clock: Clock;
  readonly #file: StatusFile;
  readonly #book: ProblemList;
  readonly events = new Emitter<StatusEvents>();
  readonly #startedAt: string;
  #phase: Phase = "starting";
  #phaseSince: string;
  #writtenKey = "";
  #writtenCounts = "";
  #writtenAt = Number.NEGATIVE_INFINITY;
  #callOffWrite: Disposer | null = null;
  #callOffCounts: Disposer | null = null;

  constructor(sources: StatusSources, facts: StatusFacts, clock: Clock, file: StatusFile) {
    this.#sources = sources;
    this.#facts = facts;
    this.#clock = clock;
    this.#file = file;
    this.#book = new ProblemList(() => clock.now());
    this.#startedAt = new Date(clock.now()).toISOString();
    this.#phaseSince = this.#startedAt;
  }

  get problems(): WorkerStatus["problems"] {
    return this.#book.problems;
  }

  current(): WorkerStatus {
    const state = this.#sources.settings();
    const settings = state?.settings ?? defaultSettings;
    return {
      phase: this.#phase,
      enabled: state !== null && settings.enable,
      since: this.#phaseSince,
      version: this.#facts.version,
      startedAt: this.#startedAt,
      pid: this.#facts.pid,
      secretStore: this.#facts.secretStore,
      settings: {
        path: this.#facts.settingsPath,
        loadedAt: isoOrNull(state?.loadedAt ?? null),
        values: settingsValues(settings),
      },
      problems: this.#book.problems,
      organizations: this.#sources.organizations(),
    };
  }

  /** Something the status is made of may have changed: looks, tells, and writes the file. */
  refresh(): void {
    const phase = this.#sources.phase();
    const phaseChanged = phase !== this.#phase;
    if (phaseChanged) {
      this.#phase = phase;
      this.#phaseSince = new Date(this.#clock.now()).toISOString();
    }
    const problemsChanged = this.#book.replace(this.#sources.problems());
    const status = this.current();
    if (changeKey(status) !== this.#writtenKey) this.#write(status);
    else if (countsOf(status) !== this.#writtenCounts) this.#writeSoon(status);
    if (phaseChanged || problemsChanged) this.events.emit("statusChanged");
  }

  /** Writes the file every 10 s from now on, too. */
  start(): void {
    this.refresh();
    this.#writeRegularly();
  }

  async stop(): Promise<void> {
    this.#callOffWrite?.();
    this.#callOffWrite = null;
    this.refresh();
    this.#callOffCounts?.();
    this.#callOffCounts = null;
    await this.#file.write(textOf(this.current()));
  }

  #write(status: WorkerStatus): void {
    this.#callOffCounts?.();
    this.#callOffCounts = null;
    this.#writtenKey = changeKey(status);
    this.#writtenCounts = countsOf(status);
    this.#writtenAt = this.#clock.monotonic();
    void this.#file.write(textOf(status));
  }

  #writeSoon(status: WorkerStatus): void {
    const wait = this.#writtenAt + COUNTS_EVERY_MS - this.#clock.monotonic();
    if (wait <= 0) this.#write(status);
    else
      this.#callOffCounts ??= this.#clock.schedule(Math.ceil(wait), () =>
        this.#write(this.current()),
      );
  }

  #writeRegularly(): void {
    this.#callOffWrite = this.#clock.schedule(FILE_EVERY_MS, () => {
      this.refresh();
      this.#write(this.current());
      this.#writeRegularly();
    });
  }
}

/** What of the status makes a new file at once: not the counters, which wait for the next regular one. */
function changeKey({ phase, settings, problems, organizations }: WorkerStatus): string {
  return JSON.stringify([
    phase,
    settings,
    problems,
    organizations.map(({ orgId, orgName }) => [orgId, orgName]),
  ]);
}

/** What makes a new file within a second: how many persons there are, and whether that is known already. */
function countsOf({ organizations }: WorkerStatus): string {
  return JSON.stringify(
    organizations.map(({ persons, lastSweep }) => [persons, lastSweep !== null]),
  );
}

function textOf(status: WorkerStatus): string {
  return `${JSON.stringify(status, null, 2)}\n`;
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
