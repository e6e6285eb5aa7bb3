import { type Disposer, Emitter } from "../faults/emitter.js";
import { type ProblemDetail, problemText } from "../faults/problem-catalog.js";
import type { CertificateFileResult, ReadCertificates } from "../ports/http.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { FileContent, ReadIniLine, SettingsFile } from "../ports/settings-file.js";
import { decodeSettings } from "./decode.js";
import {
  defaultSettings,
  SETTING_FIELDS,
  SETTING_KEYS,
  type Settings,
  settingsValues,
} from "./keys.js";
import { invalidValue, type ParsedSettings, parseSettings } from "./parse.js";

interface SettingsProblem {
  readonly code: "settingsMissing" | "settingsUnreadable" | "settingsInvalid" | "settingsUnknown";
  /** The key of the invalid value; null if the problem concerns a line or the file. */
  readonly key: string | null;
  readonly message: string;
  readonly hint: string;
}

export interface SettingsState {
  readonly settings: Settings;
  /** The certificates of `settings.caFile` (PEM) that were last readable. */
  readonly certificates: string | null;
  /** When the file was last read, in milliseconds since the epoch; null if never. */
  readonly loadedAt: number | null;
  /** Invalid values and unknown names in the order of their lines. */
  readonly problems: readonly SettingsProblem[];
}

interface SettingsEvents {
  /** The values or the problems have changed. Emitted first when `current` stops being null. */
  readonly settingsChanged: SettingsState;
}

interface SettingsStoreOptions {
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

/** An administrator may copy the certificate file after naming it, or replace it later. */
const CERTIFICATE_REREAD_MS = 10_000;

/**
 * The one owner of the settings. Follows the settings file and keeps the last valid values: a file
 * that cannot be read never replaces them.
 */
export class SettingsStore {
  readonly events = new Emitter<SettingsEvents>();
  readonly #options: SettingsStoreOptions;
  readonly #certificates: ReturnType<typeof createCertificateLoader>;
  #current: SettingsState | null = null;
  /** The content of the file, until it is missing or unreadable. */
  #parsed: (ParsedSettings & { readonly loadedAt: number }) | null = null;
  #cancelMissingTimer: Disposer | null = null;
  #cancelCertificateWait: Disposer | null = null;

  constructor(options: SettingsStoreOptions) {
    this.#options = options;
    this.#certificates = createCertificateLoader(options, () => this.#apply());
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
    const stopWatching = this.#options.file.watch((content) => this.#handleContent(content));
    return () => {
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
    const { clock, readIniLine } = this.#options;
    const decoded = decodeSettings(bytes);
    if (decoded.kind === "undecodable") {
      this.#handleUnreadable(decoded.reason);
      return;
    }
    const parsed = parseSettings(decoded.text, readIniLine, this.settings);
    this.#parsed = { ...parsed, loadedAt: clock.now() };
    if (this.#loadCertificates(parsed.settings.caFile) !== null) this.#apply();
    else this.#cancelCertificateWait = clock.schedule(MAX_CERTIFICATE_WAIT_MS, () => this.#apply());
  }

  /** Certificates that are invalid or still being read leave the current ones in effect. */
  #apply(): void {
    this.#clearCertificateWait();
    if (this.#parsed === null) return;
    const { settings, problems, caFileLine, loadedAt } = this.#parsed;
    const result = this.#loadCertificates(settings.caFile);
    let { caFile } = this.settings;
    let certificates = this.#current?.certificates ?? null;
    const allProblems = [...problems];
    if (result?.ok === true) {
      caFile = settings.caFile;
      certificates = result.pem;
    } else if (result !== null) {
      const occurrence = { value: settings.caFile ?? "", line: caFileLine };
      const previous = caFile === settings.caFile ? "previousContent" : "previousFile";
      const trusted = certificates === null ? "defaultRoots" : previous;
      allProblems.push(invalidValue("caFile", occurrence, result, this.settings, { trusted }));
    }
    this.#setCurrent({
      settings: { ...settings, caFile },
      certificates,
      loadedAt,
      problems: allProblems
        .sort((a, b) => a.line - b.line)
        .map(({ code, key, message, hint }) => ({ code, key, message, hint })),
    });
  }

  /** Returns null while the file is being read. */
  #loadCertificates(
    caFile: string | null,
  ): CertificateFileResult | { readonly ok: true; readonly pem: null } | null {
    if (caFile !== null) return this.#certificates.load(caFile);
    this.#certificates.reset();
    return { ok: true, pem: null };
  }

  #handleMissing(): void {
    this.#handleUnusable("settingsMissing", {}, defaultSettings, null);
  }

  #handleUnreadable(reason: string): void {
    const current = "the defaults are in effect, and presence from Webex is off";
    const detail = { reason, ...(this.#current === null && { current }) };
    const certificates = this.#current?.certificates ?? null;
    this.#handleUnusable("settingsUnreadable", detail, this.settings, certificates);
  }

  #handleUnusable(
    code: "settingsMissing" | "settingsUnreadable",
    detail: ProblemDetail,
    settings: Settings,
    certificates: string | null,
  ): void {
    this.#discardParsed();
    const { path } = this.#options.file;
    const problem = { code, key: null, ...problemText(code, { path, ...detail }) };
    const loadedAt = this.#current?.loadedAt ?? null;
    this.#setCurrent({ settings, certificates, loadedAt, problems: [problem] });
  }

  #setCurrent(next: SettingsState): void {
    const previous = this.#current;
    this.#current = next;
    const changed = SETTING_FIELDS.filter(
      (field) => previous?.settings[field] !== next.settings[field],
    ).map((field) => SETTING_KEYS[field].name);
    const knownMessages = new Set(previous?.problems.map(({ message }) => message));
    const newProblems = next.problems.filter(({ message }) => !knownMessages.has(message));
    const hasNewCertificates = previous !== null && previous.certificates !== next.certificates;
    const isUnchanged =
      changed.length + newProblems.length === 0 &&
      previous?.problems.length === next.problems.length &&
      !hasNewCertificates;
    if (isUnchanged) return;
    const { logger, file } = this.#options;
    const { caFile } = next.settings;
    if (hasNewCertificates && previous.settings.caFile === caFile)
      logger.info("The certificate file has new content, which is in effect.", { caFile });
    const values = settingsValues(next.settings);
    const level = changed.length === 0 ? "debug" : "info";
    logger[level]("The settings are in effect.", { path: file.path, changed, values });
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

/** Reads the certificate file that the settings name, again and again: its content may change. */
function createCertificateLoader(
  { readCertificates, clock }: SettingsStoreOptions,
  onChange: () => void,
) {
  let path: string | null = null;
  let result: CertificateFileResult | null = null;
  let cancelReread: Disposer | null = null;

  async function read(requestedPath: string): Promise<void> {
    const next = await readCertificates(requestedPath);
    if (requestedPath !== path) return;
    const previous = result;
    result = next;
    cancelReread?.();
    cancelReread = clock.schedule(CERTIFICATE_REREAD_MS, () => void read(requestedPath));
    if (previous === null || !isSameResult(previous, next)) onChange();
  }

  function reset(): void {
    path = null;
    result = null;
    cancelReread?.();
  }

  return {
    /** Returns the result for the file, or null while it is being read. Replaces any other file. */
    load(requestedPath: string): CertificateFileResult | null {
      if (requestedPath !== path) {
        reset();
        path = requestedPath;
        void read(requestedPath);
      }
      return result;
    },
    reset,
  };
}

function isSameResult(a: CertificateFileResult, b: CertificateFileResult): boolean {
  if (a.ok) return b.ok && a.pem === b.pem;
  return !b.ok && a.reason === b.reason;
}
