import { type Disposer, Emitter } from "../faults/emitter.js";
import { problemText } from "../faults/problem-catalog.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/http.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { FileContent, ReadIniLine, SettingsFile } from "../ports/settings-file.js";
import { CertificateLoader } from "./certificate-loader.js";
import { decodeSettings } from "./decode.js";
import { defaultSettings, SETTING_FIELDS, type Settings, settingsValues } from "./keys.js";
import { invalidValue, type ParsedSettings, parseSettings } from "./parse.js";

export interface SettingsProblem {
  readonly code: "settingsMissing" | "settingsUnreadable" | "settingsInvalid";
  /** The key of the invalid value; null if the problem concerns the file. */
  readonly key: string | null;
  readonly message: string;
  readonly hint: string;
}

export interface SettingsState {
  readonly settings: Settings;
  /** The PEM text of `settings.caFile`, as it was when it was read. */
  readonly certificates: string | null;
  /** When the file was last read, in milliseconds since the epoch; null if never. */
  readonly loadedAt: number | null;
  /** Invalid values in the order of their lines. */
  readonly problems: readonly SettingsProblem[];
}

export interface SettingsEvents {
  /** The values or the problems have changed. Emitted first when `current` stops being null. */
  readonly settingsChanged: SettingsState;
}

export interface SettingsStoreOptions {
  readonly file: SettingsFile;
  readonly clock: Clock;
  readonly readIniLine: ReadIniLine;
  readonly readCertificates: ReadCertificates;
  readonly logger: Logger;
}

/** Some editors delete a file before they write it anew. */
const MISSING_GRACE_MS = 2000;
/** After this time an edit takes effect without the certificates that it names, which follow. */
const MAX_CERTIFICATE_WAIT_MS = 300;

/** The certificates that the settings name are in the process of being read. */
const PENDING = Symbol("pending");

/**
 * The one owner of the settings. Follows the settings file and keeps the last valid values: a file
 * that cannot be read never replaces them.
 */
export class SettingsStore {
  readonly events = new Emitter<SettingsEvents>();
  readonly #options: SettingsStoreOptions;
  readonly #certificates: CertificateLoader;
  #current: SettingsState | null = null;
  /** The content of the file, until it is missing or unreadable. */
  #parsed: (ParsedSettings & { readonly loadedAt: number }) | null = null;
  #cancelMissingTimer: Disposer | null = null;
  #cancelCertificateWait: Disposer | null = null;

  constructor(options: SettingsStoreOptions) {
    this.#options = options;
    this.#certificates = new CertificateLoader(options.readCertificates, options.clock, () =>
      this.#apply(),
    );
  }

  get path(): string {
    return this.#options.file.path;
  }

  /** null until the file is read, or is known to be missing or unreadable. */
  get current(): SettingsState | null {
    return this.#current;
  }

  /** The values in effect: the defaults while `current` is null. */
  get settings(): Settings {
    return this.#current?.settings ?? defaultSettings;
  }

  /** To be called once. The disposer ends the watch and leaves `current` as it is. */
  start(): Disposer {
    let isStopped = false;
    const stopWatching = this.#options.file.watch((content) => {
      if (!isStopped) this.#handleContent(content);
    });
    return () => {
      if (isStopped) return;
      isStopped = true;
      stopWatching();
      this.#clearMissingTimer();
      this.#discardParsed();
    };
  }

  #handleContent(content: FileContent): void {
    if (content.kind === "absent") {
      this.#cancelMissingTimer ??= this.#options.clock.schedule(MISSING_GRACE_MS, () => {
        this.#cancelMissingTimer = null;
        this.#handleMissing();
      });
      return;
    }
    this.#clearMissingTimer();
    // The next edit refers to the values of this one, so it must not wait any longer.
    if (this.#cancelCertificateWait !== null) this.#apply();
    if (content.kind === "unreadable") this.#handleUnreadable(content.reason);
    else this.#parse(content.bytes);
  }

  #parse(bytes: Uint8Array): void {
    const { clock, logger, readIniLine } = this.#options;
    const decoded = decodeSettings(bytes);
    if (decoded.kind === "undecodable") {
      this.#handleUnreadable(decoded.reason);
      return;
    }
    const parsed = parseSettings(decoded.text, readIniLine, this.settings);
    for (const unknown of parsed.unknownKeys) logger.debug("Unknown setting.", { ...unknown });
    this.#parsed = { ...parsed, loadedAt: clock.now() };
    if (this.#readCertificates(parsed.settings.caFile) === PENDING) {
      this.#cancelCertificateWait = clock.schedule(MAX_CERTIFICATE_WAIT_MS, () => this.#apply());
    } else this.#apply();
  }

  /** Certificates that are invalid or still pending leave the current ones in effect. */
  #apply(): void {
    this.#clearCertificateWait();
    if (this.#parsed === null) return;
    const { settings, problems, lines, loadedAt } = this.#parsed;
    const before = {
      caFile: this.settings.caFile,
      certificates: this.#current?.certificates ?? null,
    };
    const result = this.#readCertificates(settings.caFile);
    const after =
      result !== PENDING && result.ok
        ? { caFile: settings.caFile, certificates: result.pem }
        : before;
    const allProblems = [...problems];
    if (result !== PENDING && !result.ok) {
      const occurrence = { value: settings.caFile ?? "", line: lines.get("caFile") ?? 0 };
      const trusted = before.certificates === null ? "defaultRoots" : "previousFile";
      allProblems.push(invalidValue("caFile", occurrence, result, this.settings, { trusted }));
    }
    this.#setCurrent({
      settings: { ...settings, caFile: after.caFile },
      certificates: after.certificates,
      loadedAt,
      problems: allProblems
        .sort((a, b) => a.line - b.line)
        .map(({ key, message, hint }) => ({ code: "settingsInvalid", key, message, hint })),
    });
  }

  #readCertificates(
    caFile: string | null,
  ): { readonly ok: true; readonly pem: string | null } | CertificateFileResult | typeof PENDING {
    if (caFile !== null && caFile !== this.settings.caFile) {
      return this.#certificates.load(caFile) ?? PENDING;
    }
    this.#certificates.reset();
    return { ok: true, pem: caFile === null ? null : (this.#current?.certificates ?? null) };
  }

  #handleMissing(): void {
    this.#discardParsed();
    this.#setCurrent({
      settings: defaultSettings,
      certificates: null,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsMissing",
          key: null,
          ...problemText("settingsMissing", { path: this.path }),
        },
      ],
    });
  }

  #handleUnreadable(reason: string): void {
    const detail = {
      path: this.path,
      reason,
      ...(this.#current === null && {
        current: "the defaults are in effect, and presence from Webex is off",
      }),
    };
    this.#discardParsed();
    this.#setCurrent({
      settings: this.settings,
      certificates: this.#current?.certificates ?? null,
      loadedAt: this.#current?.loadedAt ?? null,
      problems: [
        {
          code: "settingsUnreadable",
          key: null,
          ...problemText("settingsUnreadable", detail),
        },
      ],
    });
  }

  #setCurrent(next: SettingsState): void {
    const previous = this.#current;
    this.#current = next;
    const changed = SETTING_FIELDS.filter((key) => previous?.settings[key] !== next.settings[key]);
    const knownMessages = new Set(previous?.problems.map(({ message }) => message));
    const newProblems = next.problems.filter(({ message }) => !knownMessages.has(message));
    const isUnchanged =
      changed.length + newProblems.length === 0 &&
      previous?.problems.length === next.problems.length;
    if (isUnchanged) return;
    const { logger } = this.#options;
    for (const { code, message, hint } of newProblems) logger.warn(message, { code, hint });
    const values = settingsValues(next.settings);
    logger.info("The settings are in effect.", { path: this.path, changed, values });
    this.events.emit("settingsChanged", next);
  }

  #discardParsed(): void {
    this.#parsed = null;
    this.#clearCertificateWait();
    this.#certificates.reset();
  }

  #clearMissingTimer(): void {
    this.#cancelMissingTimer?.();
    this.#cancelMissingTimer = null;
  }

  #clearCertificateWait(): void {
    this.#cancelCertificateWait?.();
    this.#cancelCertificateWait = null;
  }
}
