import { type Disposer, Emitter } from "../faults/emitter.js";
import type { CertificateReading, ReadCertificates } from "../ports/certificates.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { FileContent, ReadIniLine, SettingsFile } from "../ports/settings-file.js";
import { decodeSettings } from "./decode.js";
import { defaultSettings, settingsValues } from "./keys.js";
import { NamedCertificates } from "./named-certificates.js";
import { invalid, type ParsedSettings, parseSettings, type SettingProblem } from "./parse.js";
import type { Settings } from "./settings.js";

export interface SettingsProblem {
  readonly code: "settingsMissing" | "settingsUnreadable" | "settingsInvalid";
  /** The key whose value was not taken; null where it is about the file. */
  readonly key: string | null;
  readonly message: string;
  readonly hint: string;
}

export interface SettingsState {
  /** The values in force. */
  readonly settings: Settings;
  /** PEM text of the certificates in force, which `settings.caFile` held when it was read. */
  readonly certificates: string | null;
  /** When the file was last read, milliseconds since the epoch; null: never. */
  readonly loadedAt: number | null;
  /** Invalid values in the order of their lines. */
  readonly problems: readonly SettingsProblem[];
}

export interface SettingsEvents {
  /** The values in force or the problems have changed; the first time when `current` stops being null. */
  readonly settingsChanged: SettingsState;
}

export interface SettingsFeedParts {
  readonly file: SettingsFile;
  readonly clock: Clock;
  readonly readIniLine: ReadIniLine;
  readonly readCertificates: ReadCertificates;
  readonly logger: Logger;
}

/** A file away for no longer than this may be on its way back: some ways of saving delete it first. */
const ABSENCE_MEANT_MS = 2000;
/** How long an edit waits for the certificates that it names. They are taken later, too; nothing else of the edit waits for them longer. */
const CERTIFICATES_WAIT_MS = 300;

type InForce = Pick<SettingsState, "settings" | "certificates">;
const NOTHING_IN_FORCE: InForce = { settings: defaultSettings, certificates: null };

interface Loaded extends ParsedSettings {
  readonly at: number;
}

/** Follows the settings file and keeps the last good settings: a file that cannot be used never replaces them. */
export class SettingsFeed {
  readonly #parts: SettingsFeedParts;
  readonly events = new Emitter<SettingsEvents>();
  #current: SettingsState | null = null;
  #callOffAbsence: Disposer | null = null;
  readonly #certificates: NamedCertificates;
  /** The file as last read, which its certificates may not have joined yet. */
  #loaded: Loaded | null = null;
  #callOffWait: Disposer | null = null;

  constructor(parts: SettingsFeedParts) {
    this.#parts = parts;
    this.#certificates = new NamedCertificates(parts.readCertificates, parts.clock, () => this.#settle(false));
  }

  get path(): string {
    return this.#parts.file.path;
  }

  /** null until the file was read, or is known to be missing or unreadable. */
  get current(): SettingsState | null {
    return this.#current;
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
      this.#unload();
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
    // What came before counts: an invalid value stays as it was there.
    if (this.#callOffWait !== null) this.#settle(false);
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
    const parsed = parseSettings(decoded.text, this.#parts.readIniLine, inForce);
    for (const { name, line } of parsed.unknownKeys) {
      this.#parts.logger.debug("A setting of this name is not known.", { name, line });
    }
    this.#loaded = { ...parsed, at: this.#parts.clock.now() };
    this.#settle(true);
  }

  /** Puts in force what was loaded. A file of certificates that cannot be used, or is not read yet, leaves the one in force. */
  #settle(mayWait: boolean): void {
    this.#callOffWait?.();
    this.#callOffWait = null;
    const loaded = this.#loaded;
    if (loaded === null) return;
    const inForce = this.#current ?? NOTHING_IN_FORCE;
    const reading = this.#readingFor(loaded.settings.caFile, inForce);
    if (reading === null && mayWait) {
      this.#callOffWait = this.#parts.clock.timer(CERTIFICATES_WAIT_MS, () => this.#settle(false));
      return;
    }
    const taken = reading?.ok === true;
    const problems = reading?.ok === false ? [...loaded.problems, refusal(loaded, reading, inForce)] : [...loaded.problems];
    this.#become({
      settings: taken ? loaded.settings : { ...loaded.settings, caFile: inForce.settings.caFile },
      certificates: taken ? reading.pem : inForce.certificates,
      loadedAt: loaded.at,
      problems: problems
        .sort((a, b) => a.line - b.line)
        .map(({ key, message, hint }) => ({ code: "settingsInvalid", key, message, hint })),
    });
  }

  #readingFor(caFile: string | null, inForce: InForce): { ok: true; pem: string | null } | CertificateReading | null {
    if (caFile !== null && caFile !== inForce.settings.caFile) return this.#certificates.look(caFile);
    this.#certificates.forget();
    return { ok: true, pem: caFile === null ? null : inForce.certificates };
  }

  /** What was loaded counts no more, whatever may still become known of its certificates. */
  #unload(): void {
    this.#loaded = null;
    this.#callOffWait?.();
    this.#callOffWait = null;
    this.#certificates.forget();
  }

  #missing(): void {
    this.#unload();
    this.#become({
      settings: defaultSettings,
      certificates: null,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsMissing",
          key: null,
          message: `There is no settings file ${this.path}: the defaults are in force, and presence from Webex is off.`,
          hint: "Create the file with WebexPresence.Enable=1 to turn presence on, or launch the worker with --settings and its path.",
        },
      ],
    });
  }

  #unreadable(reason: string): void {
    const stays =
      this.#current === null ? "the defaults are in force, and presence from Webex is off" : "all settings stay as they were";
    this.#unload();
    this.#become({
      settings: this.#current?.settings ?? defaultSettings,
      certificates: this.#current?.certificates ?? null,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsUnreadable",
          key: null,
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
    this.events.emit("settingsChanged", next);
  }
}

function refusal(
  { settings, lines }: Loaded,
  reading: { readonly complaint: string; readonly hint: string },
  { settings: inForce, certificates }: InForce,
): SettingProblem {
  const found = { value: settings.caFile ?? "", line: lines.get("caFile") ?? 0 };
  const problem = invalid("caFile", found, reading, inForce);
  const means = certificates === null ? "Only the usual roots are trusted." : "Its certificates go on being trusted.";
  return { ...problem, message: `${problem.message} ${means}` };
}

function changedKeys(before: Settings | null, after: Settings): string[] {
  const fields = Object.keys(after) as (keyof Settings)[];
  return fields.filter((field) => before?.[field] !== after[field]);
}

function sameProblem(a: SettingsProblem, b: SettingsProblem): boolean {
  return a.code === b.code && a.message === b.message;
}
