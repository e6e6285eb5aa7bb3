import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { POLL_INTERVAL_SECONDS } from "./service-faults.js";
import {
  phaseShown,
  problemGone,
  problemShown,
  type Expectation,
  type SoakControls,
  type SoakFault,
} from "./soak-fault.js";

/** An edit of Presence.ini takes effect within a second; the rest is for a busy machine. */
const EDIT_MS = 4_000;
/** A file that is missing counts as being saved for 2 s. */
const MISSING_MS = 2_000 + EDIT_MS;
/** The log and status.json are tried again every 10 s, at the next record. */
const LOG_MS = 60_000;
const RESUME_MS = 5_000;
/** The last delay of the manifest's restart policy, and a start. */
const RESTART_MS = 30_000 + 15_000;
const GARBAGE_BYTES = 4_000;

const INTERVAL_KEY = "WebexPresence.PollIntervalSeconds";
const SHORT_INTERVAL_SECONDS = 5;

const intervalIs = (seconds: number): Expectation => ({
  what: `an interval of ${seconds} s`,
  withinMs: EDIT_MS,
  isMet: ({ status }) => status?.settings.values[INTERVAL_KEY] === seconds,
});

const statusHeard = (withinMs: number): Expectation => ({
  what: "a status",
  withinMs,
  countsSilence: true,
  isMet: ({ status }) => status !== null,
});

const logFilesExist: Expectation = {
  what: "worker.log and status.json",
  withinMs: LOG_MS,
  isMet: (_view, { logDirectory }) =>
    ["worker.log", "status.json"].every((name) => existsSync(join(logDirectory, name))),
};

function replaceFolderByFile({ logDirectory }: SoakControls): void {
  rmSync(logDirectory, { recursive: true, force: true, maxRetries: 5 });
  // The worker may make the folder anew in between.
  if (!existsSync(logDirectory)) writeFileSync(logDirectory, "");
}

/** What happens to the worker's process and its host, one at a time, as with Webex's faults. */
export const PROCESS_FAULTS: readonly SoakFault[] = [
  {
    name: "the worker is killed",
    isEarly: true,
    // At its start, a worker has no settings to keep if it cannot read the file.
    ownsSettings: true,
    lastsMs: [0, 0],
    begin: ({ kill }) => kill(),
    shown: {
      ...{ what: "a restart by the host", withinMs: RESTART_MS, countsSilence: true },
      isMet: ({ hasStarted }) => hasStarted,
    },
    gone: { ...phaseShown("polling", RESTART_MS), countsSilence: true },
  },
  {
    name: "the worker is stopped (SIGSTOP)",
    lastsMs: [2_000, 7_000],
    begin: ({ signalWorker }) => signalWorker("SIGSTOP"),
    end: ({ signalWorker }) => signalWorker("SIGCONT"),
    shown: null,
    gone: statusHeard(RESUME_MS),
    problems: ["webexUnreachable"],
  },
  {
    name: "the host does not read",
    lastsMs: [2_000, 8_000],
    begin: ({ signalHost }) => signalHost("SIGSTOP"),
    end: ({ signalHost }) => signalHost("SIGCONT"),
    shown: null,
    gone: statusHeard(RESUME_MS),
  },
  {
    name: "Enable is 0",
    ownsSettings: true,
    lastsMs: [1_000, 6_000],
    begin: async ({ settings, allow }) => {
      allow("disabled");
      await settings.set("Enable", "0");
    },
    end: ({ settings }) => settings.set("Enable", null),
    shown: phaseShown("disabled", EDIT_MS),
    gone: phaseShown("polling", EDIT_MS),
    after: ({ disallow }) => disallow("disabled"),
  },
  {
    name: "Presence.ini is deleted",
    ownsSettings: true,
    lastsMs: [500, 3_000],
    begin: async ({ settings, allow }) => {
      allow("disabled");
      await settings.remove();
    },
    end: ({ settings }) => settings.save(),
    shown: problemShown(["settingsMissing"], MISSING_MS),
    gone: phaseShown("polling", EDIT_MS),
    after: ({ disallow }) => disallow("disabled"),
    // The grant is not for the ApiUrl of the defaults.
    problems: ["settingsMissing", "authorizationRequired"],
  },
];

/** What happens to files, beside the other faults. */
export const FILE_FAULTS: readonly SoakFault[] = [
  {
    name: "Presence.ini is garbage",
    ownsSettings: true,
    lastsMs: [1_000, 5_000],
    begin: ({ settings, random }) =>
      settings.write(
        Buffer.from([
          0,
          ...Array.from({ length: GARBAGE_BYTES }, () => Math.floor(random() * 256)),
        ]),
      ),
    end: ({ settings }) => settings.save(),
    shown: problemShown(["settingsUnreadable"], EDIT_MS),
    gone: problemGone(["settingsUnreadable"], EDIT_MS),
    problems: ["settingsUnreadable"],
  },
  {
    name: "a line of Presence.ini is invalid",
    ownsSettings: true,
    lastsMs: [1_000, 8_000],
    begin: ({ settings }) => settings.set("StaleAfterSeconds", "banana"),
    end: ({ settings }) => settings.set("StaleAfterSeconds", null),
    shown: problemShown(["settingsInvalid"], EDIT_MS),
    gone: problemGone(["settingsInvalid"], EDIT_MS),
    problems: ["settingsInvalid"],
  },
  {
    name: "the interval changes",
    ownsSettings: true,
    lastsMs: [2_000, 12_000],
    begin: ({ settings }) => settings.set("PollIntervalSeconds", String(SHORT_INTERVAL_SECONDS)),
    end: ({ settings }) => settings.set("PollIntervalSeconds", null),
    shown: intervalIs(SHORT_INTERVAL_SECONDS),
    gone: intervalIs(POLL_INTERVAL_SECONDS),
  },
  {
    name: "the log folder is deleted",
    lastsMs: [0, 0],
    begin: ({ logDirectory }) =>
      rmSync(logDirectory, { recursive: true, force: true, maxRetries: 5 }),
    shown: null,
    gone: logFilesExist,
  },
  {
    name: "the log folder cannot be written",
    lastsMs: [1_000, 6_000],
    begin: replaceFolderByFile,
    end: ({ logDirectory }) => {
      if (statSync(logDirectory, { throwIfNoEntry: false })?.isFile() === true)
        rmSync(logDirectory);
    },
    shown: {
      ...{ what: "a log record on stderr", withinMs: LOG_MS },
      isMet: ({ log }) => log.some((line) => line.includes("cannot be written")),
    },
    gone: logFilesExist,
  },
];
