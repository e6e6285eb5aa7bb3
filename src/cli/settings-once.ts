import { readCertificates } from "../platform/certificates.js";
import { readIniLine } from "../platform/ini-line.js";
import { DiskSettingsFile } from "../platform/settings-file.js";
import { systemClock } from "../platform/system-clock.js";
import type { Clock } from "../ports/clock.js";
import { SettingsStore, type SettingsState } from "../settings/settings-store.js";
import { silentLogger } from "./quiet-log.js";

/** A file away for this long is missing: a command does not wait as long as a worker, which is still there when it comes back. */
const MISSING_AFTER_MS = 300;

const shortTimeoutClock: Clock = {
  ...systemClock,
  schedule: (delayMs, callback) =>
    systemClock.schedule(Math.min(delayMs, MISSING_AFTER_MS), callback),
};

/** Reads a settings file once, as the worker reads it. A file that is missing or unreadable means the defaults, with its problem. */
export function readSettingsOnce(path: string): Promise<SettingsState> {
  const feed = new SettingsStore({
    file: new DiskSettingsFile(path),
    clock: shortTimeoutClock,
    readIniLine,
    readCertificates,
    logger: silentLogger,
  });
  return new Promise((resolve) => {
    feed.events.on("settingsChanged", (state) => {
      // Once the feed has come to rest: it may tell within `start`, before there is anything to stop.
      setImmediate(() => stop());
      resolve(state);
    });
    const stop = feed.start();
  });
}
