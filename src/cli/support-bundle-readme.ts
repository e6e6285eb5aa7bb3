import type { ReplacedKind } from "../faults/pseudonymizer.js";
import { version } from "../platform/node-process.js";
import type { BundleContent } from "./support-bundle-content.js";
import type { LogText } from "./support-bundle-log.js";
import { wrap } from "./terminal/text.js";

interface ReadmeParts {
  readonly content: BundleContent;
  /** The last error, or else the last warning, of the log since the last start; redacted. */
  readonly lastRecord: string | null;
  readonly lastStart: LogText | null;
  /** Whether `lastStart` begins with a start. */
  readonly hasStart: boolean;
  readonly older: readonly LogText[];
  readonly unreadable: readonly { readonly name: string; readonly code: string }[];
}

const REPLACEMENTS = "replacements.txt";
const WIDTH = 78;
const KIND_WIDTH = "[organization …]  ".length;
const KIND_TEXTS: Readonly<Record<ReplacedKind, string>> = {
  address: "e-mail and SIP addresses, telephone numbers",
  person: "names of persons, where it is known that a text is one",
  user: "accounts of this machine, also in paths; users of proxies",
  organization: "names of organizations; their IDs are kept",
  id: "IDs of persons, and others whose meaning is unknown",
  host: "names of hosts that neither the settings nor the manifest name",
  secret: "passwords, tokens and codes",
  text: "other words that are not the product's own: names, or parts of messages of Webex and of proxies",
};
const FILES: readonly (readonly [name: string, text: string])[] = [
  ["doctor.txt, doctor.json", "what `doctor` found when this bundle was made"],
  ["status.json", "the worker's last status"],
  ["settings.txt", "the worker's keys in Presence.ini, with their lines"],
  ["learned.json", "what the worker has learned of Webex's limits"],
  ["versions.json", "versions, checksums of the product's files, which variables are set"],
  [REPLACEMENTS, "how many different texts were replaced, by kind"],
];

/** The first file of a bundle: the problem first, then how to read the rest. */
export function readmeText(parts: ReadmeParts): string {
  const { content, lastRecord, lastStart } = parts;
  const { problems, worker, hasStatus, notes, conclusion } = content;
  const lines = [
    `Support bundle of ucx-webex-presence ${version}, ${new Date().toISOString()}`,
    "",
    "THE LAST PROBLEM",
    "",
    ...(problems.length === 0
      ? [
          hasStatus
            ? "The worker's last status reports no problem."
            : "There is no status of a worker.",
        ]
      : problems.flatMap(({ code, message, hint }) => [
          ...wrap(`${code}: ${message}`, WIDTH, 2),
          ...wrap(`→ ${hint}`, WIDTH, 2).map((line) => `  ${line}`),
        ])),
    "",
    ...wrap(`Worker: ${worker}`, WIDTH, 2),
    ...(conclusion === null ? [] : wrap(`doctor: ${conclusion}`, WIDTH, 2)),
    "",
    ...(lastRecord === null
      ? wrap("The log since the last start contains no error and no warning.", WIDTH, 2)
      : [
          "The last error, or else warning, of the log since the last start (it may have ended):",
          lastRecord,
        ]),
    "",
    "HOW TO READ IT",
    "",
    ...wrap(
      "Begin with log/last-start.log: the log since the worker last started, one JSON record in each line. Then doctor.txt.",
      WIDTH,
      0,
    ),
    "",
    ...logLines(lastStart, parts),
    ...FILES.filter(([names]) => isThere(names, content)).map(
      ([names, text]) => `${names.padEnd(24)} ${text}`,
    ),
    "",
    "WHAT WAS REPLACED",
    "",
    ...wrap(
      "Only the product's own words, numbers, times, IP addresses, tracking IDs, IDs of organizations and codes of errors are as they were. Everything else is a placeholder, and the same text has the same placeholder in every file of this bundle: [address 3] is one address wherever it stands. In another bundle it is another one.",
      WIDTH,
      0,
    ),
    "",
    ...Object.entries(KIND_TEXTS).flatMap(([kind, text]) =>
      wrap(`${`[${kind} …]`.padEnd(KIND_WIDTH)}${text}`, WIDTH, KIND_WIDTH),
    ),
    "",
    "WHAT WAS LEFT OUT",
    "",
    ...leftOut(parts).flatMap((text) => wrap(`- ${text}`, WIDTH, 2)),
    ...notes.flatMap((text) => wrap(`- ${text}`, WIDTH, 2)),
    "",
  ];
  return lines.join("\n");
}

/** The first of `names` stands for all. */
function isThere(names: string, { files }: BundleContent): boolean {
  const [first] = names.split(", ");
  return first === REPLACEMENTS || files.some(({ name }) => name === first);
}

function logLines(lastStart: LogText | null, { older }: ReadmeParts): string[] {
  const texts = [...(lastStart === null ? [] : [lastStart]), ...older];
  return texts.map(({ name, bytes }) => {
    const text = name === "last-start.log" ? "the log since the last start" : "older records";
    return `${`log/${name}`.padEnd(24)} ${text}, ${formatBytes(bytes)}`;
  });
}

function leftOut({ lastStart, hasStart, older, unreadable }: ReadmeParts): string[] {
  const texts = [
    "Lines of Presence.ini that are no settings of this worker; the values of environment variables; the keychain.",
  ];
  if (lastStart === null) texts.push("There is no log in the folder.");
  else if (!hasStart)
    texts.push(
      "No log file contains a start of the worker: log/last-start.log is the newest file.",
    );
  if (lastStart !== null && lastStart.cut > 0)
    texts.push(
      `${formatBytes(lastStart.cut)} in the middle of log/last-start.log; a line there says where.`,
    );
  const cut = older.reduce((sum, text) => sum + text.cut, 0);
  if (cut > 0) texts.push(`${formatBytes(cut)} of older records.`);
  for (const { name, code } of unreadable) texts.push(`${name}, which cannot be read (${code}).`);
  return texts;
}

/** The last file: how much was replaced. */
export function replacementsText(counts: ReadonlyMap<ReplacedKind, number>): string {
  const lines = Object.entries(KIND_TEXTS).map(
    ([kind, text]) =>
      `${String(counts.get(kind as ReplacedKind) ?? 0).padStart(8)}  ${kind}: ${text}`,
  );
  return `Different texts that were replaced:\n\n${lines.join("\n")}\n`;
}

/** `812 bytes`, `34 KB`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
