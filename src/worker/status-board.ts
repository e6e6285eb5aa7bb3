import { Feed, type Disposer } from "../faults/feed.js";
import type { Clock } from "../ports/clock.js";
import type { StatusFile } from "../ports/process.js";
import { settingsValues } from "../settings/keys.js";
import type { SettingsState } from "../settings/settings-feed.js";
import { defaultSettings } from "../settings/keys.js";
import { ProblemBook, type ProblemReport } from "../supervisor/problem-book.js";
import type { OrganizationStatus, Phase, WorkerStatus } from "../supervisor/status.js";

const FILE_EVERY_MS = 10_000;

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
export class StatusBoard {
  readonly #sources: StatusSources;
  readonly #facts: StatusFacts;
  readonly #clock: Clock;
  readonly #file: StatusFile;
  readonly #book: ProblemBook;
  readonly #changed = new Feed<void>();
  readonly #startedAt: string;
  #phase: Phase = "starting";
  #phaseSince: string;
  #writtenEssence = "";
  #callOffWrite: Disposer | null = null;

  constructor(sources: StatusSources, facts: StatusFacts, clock: Clock, file: StatusFile) {
    this.#sources = sources;
    this.#facts = facts;
    this.#clock = clock;
    this.#file = file;
    this.#book = new ProblemBook(() => clock.now());
    this.#startedAt = new Date(clock.now()).toISOString();
    this.#phaseSince = this.#startedAt;
  }

  get problems(): WorkerStatus["problems"] {
    return this.#book.problems;
  }

  onChanged(listener: () => void): Disposer {
    return this.#changed.subscribe(listener);
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
    const essence = this.#essence();
    if (essence !== this.#writtenEssence) this.#write(essence);
    if (phaseChanged || problemsChanged) this.#changed.emit();
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
    await this.#file.write(this.#text());
  }

  /** What of the status makes a new file at once: not the counters, which wait for the next regular one. */
  #essence(): string {
    const { phase, settings, problems, organizations } = this.current();
    return JSON.stringify([phase, settings, problems, organizations.map(({ orgId, orgName }) => [orgId, orgName])]);
  }

  #write(essence: string): void {
    this.#writtenEssence = essence;
    void this.#file.write(this.#text());
  }

  #text(): string {
    return `${JSON.stringify(this.current(), null, 2)}\n`;
  }

  #writeRegularly(): void {
    this.#callOffWrite = this.#clock.timer(FILE_EVERY_MS, () => {
      this.refresh();
      this.#write(this.#essence());
      this.#writeRegularly();
    });
  }
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
