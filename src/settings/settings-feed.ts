import type { Disposer } from "../faults/feed.js";
import { Feed } from "../faults/feed.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { FileContent, ReadIniLine, SettingsFile } from "../ports/settings-file.js";
import { decodeSettings } from "./decode.js";
import { defaultSettings, settingsValues } from "./keys.js";
import { parseSettings } from "./parse.js";
import type { Settings } from "./settings.js";

export interface SettingsProblem {
  readonly code: "settingsMissing" | "settingsUnreadable" | "settingsInvalid";
  readonly message: string;
  readonly hint: string;
}

export interface SettingsState {
  /** The values in force. */
  readonly settings: Settings;
  /** When the file was last read, milliseconds since the epoch; null: never. */
  readonly loadedAt: number | null;
  /** Invalid values in the order of their lines. */
  readonly problems: readonly SettingsProblem[];
}

export interface SettingsFeedParts {
  readonly file: SettingsFile;
  readonly clock: Clock;
  readonly readIniLine: ReadIniLine;
  readonly logger: Logger;
}

/** A file away for no longer than this may be on its way back: some ways of saving delete it first. */
const ABSENCE_MEANT_MS = 2000;

/** Follows the settings file and keeps the last good settings: a file that cannot be used never replaces them. */
export class SettingsFeed {
  readonly #parts: SettingsFeedParts;
  readonly #changes = new Feed<SettingsState>();
  #current: SettingsState | null = null;
  #callOffAbsence: Disposer | null = null;

  constructor(parts: SettingsFeedParts) {
    this.#parts = parts;
  }

  get path(): string {
    return this.#parts.file.path;
  }

  /** null until the file was read, or is known to be missing or unreadable. */
  get current(): SettingsState | null {
    return this.#current;
  }

  /** Called when the values in force or the problems have changed; the first time when `current` stops being null. */
  subscribe(listener: (state: SettingsState) => void): Disposer {
    return this.#changes.subscribe(listener);
  }

  /** Called once. The disposer stops the watching; `current` stays. */
  start(): Disposer {
    let stopped = false;
    const stopWatching = this.#parts.file.watch((content) => {
      if (!stopped) this.#take(content);
    });
    return () => {
      if (stopped) return;
      stopped = true;
      stopWatching();
      this.#callOffAbsence?.();
      this.#callOffAbsence = null;
    };
  }

  #take(content: FileContent): void {
    if (content.kind === "absent") {
      this.#callOffAbsence ??= this.#parts.clock.timer(ABSENCE_MEANT_MS, () => {
        this.#callOffAbsence = null;
        this.#missing();
      });
      return;
    }
    this.#callOffAbsence?.();
    this.#callOffAbsence = null;
    if (content.kind === "unreadable") this.#unreadable(content.reason);
    else this.#load(content.bytes);
  }

  #load(bytes: Uint8Array): void {
    const decoded = decodeSettings(bytes);
    if (decoded.kind === "undecodable") {
      this.#unreadable(decoded.reason);
      return;
    }
    const inForce = this.#current?.settings ?? defaultSettings;
    const { settings, problems, unknownKeys } = parseSettings(decoded.text, this.#parts.readIniLine, inForce);
    for (const { name, line } of unknownKeys) this.#parts.logger.debug("A setting of this name is not known.", { name, line });
    this.#become({
      settings,
      loadedAt: this.#parts.clock.now(),
      problems: problems.map(({ message, hint }) => ({ code: "settingsInvalid", message, hint })),
    });
  }

  #missing(): void {
    this.#become({
      settings: defaultSettings,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsMissing",
          message: `There is no settings file ${this.path}: the defaults are in force, and presence from Webex is off.`,
          hint: "Create the file with WebexPresence.Enable=1 to turn presence on, or launch the worker with --settings and its path.",
        },
      ],
    });
  }

  #unreadable(reason: string): void {
    const stays =
      this.#current === null ? "the defaults are in force, and presence from Webex is off" : "all settings stay as they were";
    this.#become({
      settings: this.#current?.settings ?? defaultSettings,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsUnreadable",
          message: `The settings file ${this.path} cannot be read: ${reason}. Until it can, ${stays}.`,
          hint: "Make it a text file (UTF-8, UTF-16 with a byte order mark, or Windows-1252) that the worker's account may read.",
        },
      ],
    });
  }

  #become(next: SettingsState): void {
    const before = this.#current;
    this.#current = next;
    const changed = changedKeys(before?.settings ?? null, next.settings);
    const news = next.problems.filter((problem) => before?.problems.some((known) => sameProblem(known, problem)) !== true);
    if (before !== null && changed.length === 0 && news.length === 0 && before.problems.length === next.problems.length) return;
    const { logger } = this.#parts;
    for (const { code, message, hint } of news) logger.warn(message, { code, hint });
    logger.info("Settings are in force.", { path: this.path, changed, values: settingsValues(next.settings) });
    this.#changes.emit(next);
  }
}

function changedKeys(before: Settings | null, after: Settings): string[] {
  const fields = Object.keys(after) as (keyof Settings)[];
  return fields.filter((field) => before?.[field] !== after[field]);
}

function sameProblem(a: SettingsProblem, b: SettingsProblem): boolean {
  return a.code === b.code && a.message === b.message;
}
