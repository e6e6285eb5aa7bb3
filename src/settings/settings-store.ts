import { type Disposer, Emitter } from "../faults/emitter.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/certificates.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { FileContent, ReadIniLine, SettingsFile } from "../ports/settings-file.js";
import { decodeSettings } from "./decode.js";
import { defaultSettings, settingsValues } from "./keys.js";
import { CertificateLoader } from "./certificate-loader.js";
import { invalidValue, type ParsedSettings, parseSettings, type InvalidValue } from "./parse.js";
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

export interface SettingsStoreOptions {
  readonly file: SettingsFile;
  readonly clock: Clock;
  readonly readIniLine: ReadIniLine;
  readonly readCertificates: ReadCertificates;
  readonly logger: Logger;
}

/** A file away for no longer than this may be on its way back: some ways of saving delete it first. */
const MISSING_GRACE_MS = 2000;
/** How long an edit waits for the certificates that it names. They are taken later, too; nothing else of the edit waits for them longer. */
const MAX_CERTIFICATE_WAIT_MS = 300;

type EffectiveSettings = Pick<SettingsState, "settings" | "certificates">;
const INITIAL_SETTINGS: EffectiveSettings = { settings: defaultSettings, certificates: null };

interface Loaded extends ParsedSettings {
  readonly at: number;
}

/** Follows the settings file and keeps the last good settings: a file that cannot be used never replaces them. */
export class SettingsStore {
  readonly #options: SettingsStoreOptions;
  readonly events = new Emitter<SettingsEvents>();
  #current: SettingsState | null = null;
  #cancelMissingTimer: Disposer | null = null;
  readonly #certificates: CertificateLoader;
  /** The file as last read, which its certificates may not have joined yet. */
  #loaded: Loaded | null = null;
  #cancelCertificateWait: Disposer | null = null;

  constructor(options: SettingsStoreOptions) {
    this.#options = options;
    this.#certificates = new CertificateLoader(options.readCertificates, options.clock, () =>
      this.#applyLoaded(false),
    );
  }

  get path(): string {
    return this.#options.file.path;
  }

  /** null until the file was read, or is known to be missing or unreadable. */
  get current(): SettingsState | null {
    return this.#current;
  }

  /** Called once. The disposer stops the watching; `current` stays. */
  start(): Disposer {
    let stopped = false;
    const stopWatching = this.#options.file.watch((content) => {
      if (!stopped) this.#handleContent(content);
    });
    return () => {
      if (stopped) return;
      stopped = true;
      stopWatching();
      this.#cancelMissingTimer?.();
      this.#cancelMissingTimer = null;
      this.#discardLoaded();
    };
  }

  #handleContent(content: FileContent): void {
    if (content.kind === "absent") {
      this.#cancelMissingTimer ??= this.#options.clock.schedule(MISSING_GRACE_MS, () => {
        this.#cancelMissingTimer = null;
        this.#applyMissing();
      });
      return;
    }
    this.#cancelMissingTimer?.();
    this.#cancelMissingTimer = null;
    // What came before counts: an invalid value stays as it was there.
    if (this.#cancelCertificateWait !== null) this.#applyLoaded(false);
    if (content.kind === "unreadable") this.#applyUnreadable(content.reason);
    else this.#load(content.bytes);
  }

  #load(bytes: Uint8Array): void {
    const decoded = decodeSettings(bytes);
    if (decoded.kind === "undecodable") {
      this.#applyUnreadable(decoded.reason);
      return;
    }
    const current = this.#current?.settings ?? defaultSettings;
    const parsed = parseSettings(decoded.text, this.#options.readIniLine, current);
    for (const { name, line } of parsed.unknownKeys) {
      this.#options.logger.debug("A setting of this name is not known.", { name, line });
    }
    this.#loaded = { ...parsed, at: this.#options.clock.now() };
    this.#applyLoaded(true);
  }

  /** Puts in force what was loaded. A file of certificates that cannot be used, or is not read yet, leaves the one in force. */
  #applyLoaded(canWait: boolean): void {
    this.#cancelCertificateWait?.();
    this.#cancelCertificateWait = null;
    const loaded = this.#loaded;
    if (loaded === null) return;
    const current = this.#current ?? INITIAL_SETTINGS;
    const fileResult = this.#certificatesFor(loaded.settings.caFile, current);
    if (fileResult === null && canWait) {
      this.#cancelCertificateWait = this.#options.clock.schedule(MAX_CERTIFICATE_WAIT_MS, () =>
        this.#applyLoaded(false),
      );
      return;
    }
    const isAccepted = fileResult?.ok === true;
    const problems =
      fileResult?.ok === false
        ? [...loaded.problems, certificateProblem(loaded, fileResult, current)]
        : [...loaded.problems];
    this.#setCurrent({
      settings: isAccepted
        ? loaded.settings
        : { ...loaded.settings, caFile: current.settings.caFile },
      certificates: isAccepted ? fileResult.pem : current.certificates,
      loadedAt: loaded.at,
      problems: problems
        .sort((a, b) => a.line - b.line)
        .map(({ key, message, hint }) => ({ code: "settingsInvalid", key, message, hint })),
    });
  }

  #certificatesFor(
    caFile: string | null,
    current: EffectiveSettings,
  ): { ok: true; pem: string | null } | CertificateFileResult | null {
    if (caFile !== null && caFile !== current.settings.caFile)
      return this.#certificates.load(caFile);
    this.#certificates.reset();
    return { ok: true, pem: caFile === null ? null : current.certificates };
  }

  /** What was loaded counts no more, whatever may still become known of its certificates. */
  #discardLoaded(): void {
    this.#loaded = null;
    this.#cancelCertificateWait?.();
    this.#cancelCertificateWait = null;
    this.#certificates.reset();
  }

  #applyMissing(): void {
    this.#discardLoaded();
    this.#setCurrent({
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

  #applyUnreadable(reason: string): void {
    const consequence =
      this.#current === null
        ? "the defaults are in force, and presence from Webex is off"
        : "all settings stay as they were";
    this.#discardLoaded();
    this.#setCurrent({
      settings: this.#current?.settings ?? defaultSettings,
      certificates: this.#current?.certificates ?? null,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsUnreadable",
          key: null,
          message: `The settings file ${this.path} cannot be read: ${reason}. Until it can, ${consequence}.`,
          hint: "Make it a text file (UTF-8, UTF-16 with a byte order mark, or Windows-1252) that the worker's account may read.",
        },
      ],
    });
  }

  #setCurrent(next: SettingsState): void {
    const previous = this.#current;
    this.#current = next;
    const changed = changedKeys(previous?.settings ?? null, next.settings);
    const newProblems = next.problems.filter(
      (problem) => previous?.problems.some((known) => sameProblem(known, problem)) !== true,
    );
    if (
      previous !== null &&
      changed.length === 0 &&
      newProblems.length === 0 &&
      previous.problems.length === next.problems.length
    )
      return;
    const { logger } = this.#options;
    for (const { code, message, hint } of newProblems) logger.warn(message, { code, hint });
    logger.info("Settings are in force.", {
      path: this.path,
      changed,
      values: settingsValues(next.settings),
    });
    this.events.emit("settingsChanged", next);
  }
}

function certificateProblem(
  { settings, lines }: Loaded,
  fileResult: { readonly reason: string; readonly hint: string },
  { settings: current, certificates }: EffectiveSettings,
): InvalidValue {
  const found = { value: settings.caFile ?? "", line: lines.get("caFile") ?? 0 };
  const problem = invalidValue("caFile", found, fileResult, current);
  const consequence =
    certificates === null
      ? "Only the usual roots are trusted."
      : "Its certificates go on being trusted.";
  return { ...problem, message: `${problem.message} ${consequence}` };
}

function changedKeys(previous: Settings | null, after: Settings): string[] {
  const fields = Object.keys(after) as (keyof Settings)[];
  return fields.filter((field) => previous?.[field] !== after[field]);
}

function sameProblem(a: SettingsProblem, b: SettingsProblem): boolean {
  return a.code === b.code && a.message === b.message;
}
