// Finds words that the code base has given up for the field's standard terms, in identifiers,
// comments, texts, pages and file names, and lines of comments and prose that pass column 100.
// docs/architecture.md has the glossary.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

import ts from "typescript";

const MAX_COLUMN = 100;
/** This list has to name the words, and lock files and generated files follow their sources. */
const EXCLUDED =
  /^(scripts\/check-vocabulary\.mjs|package-lock\.json|THIRD-PARTY-NOTICES|bench\/results\/.*)$/;

/**
 * Words that appear neither in identifiers (as a part in camel case) and file names nor in
 * comments, texts and pages.
 */
const WORDS = {
  blip: "pending failure",
  blips: "pending failures",
  census: "statistics",
  conductor: "reconciler",
  counterpart: "OAuth context",
  crew: "shared task",
  departure: "pending request",
  doorbell: "watcher",
  essence: "change key",
  homeless: "not on any page",
  misfit: "mismatch",
  nameless: "fallback name",
  newcomer: "newly watched",
  newcomers: "newly watched",
  outlook: "presence value",
  outlooks: "presence values",
  rereads: "page refetcher",
  stranger: "unmatched address",
  strangers: "unmatched addresses",
  surroundings: "environment",
  upkeep: "staleness timer",
  vault: "grant store",
  voyage: "flow context",
};

/** Phrases that do not appear in comments, texts and pages. */
const PHRASES = {
  "call(?:s|ed|ing)? off": "cancel",
  "complaints?": "reason, error",
  "go(?:es)? before": "takes precedence over",
  "in force": "in effect",
  "in the house": "in the code base",
  "house words?": "term",
  "waiting rooms?": "pending queries",
  "worker['’]s rooms": "components",
};

/** Parts in camel case that identifiers and file names do not have, though a sentence may. */
const IDENTIFIER_PARTS = {
  board: "publisher, notices",
  chance: "random",
  complaint: "reason",
  keeper: "supervisor, sink, store",
  rig: "harness",
  room: "buffer, component",
  rooms: "components",
  told: "notified",
};

/**
 * Whole identifiers, as regular expressions. A lower-case letter may begin a word of its own, as in
 * `pause()`.
 */
const IDENTIFIERS = {
  again: "refetch",
  around: "env",
  arrive: "handleCallback",
  asking: "isAccepted",
  Audience: "SubscriberSet",
  callOff: "cancel",
  "[Cc]laimLog": "DuplicateAddressLog",
  "[Dd]emandScan": "RefreshDemandScanner",
  depart: "start",
  essenceOf: "changeKey",
  Findings: "PresenceSource, BenchResult",
  "[Ff]lights?": "SharedTask",
  "[Gg]ateVerdict": "HostCheck",
  given: "args",
  "[Gg]uardedReader": "ValidatingReader",
  judgeHost: "checkHost",
  "[Ll]istOrder": "ListIndex",
  onlyOnce: "isIrreplaceable",
  Pause: "Delay",
  "[Pp]roblemBook": "ProblemList",
  Questions: "RequestExecutor",
  seeThrough: "shield",
  Sight: "Match",
  Standing: "GrantStatus",
  "[Ss]weepMarks": "SweepTracker",
  takeOff: "start",
  Verdict: "FailureClassification",
  "[Ww]aitingRoom": "PendingQueries",
  "[Ww]antedFlow": "DesiredFlow",
  "[Ww]atch(Entry|List)": "WatchedUri, SubscriptionIndex",
  "[Ww]atchedDemand": "RefreshDemand",
  Way: "Route",
  wayChanged: "routeChanged",
  wrong: "error",
};

const identifiers = Object.entries(IDENTIFIERS).map(([pattern, better]) => [
  new RegExp(`^(?:${pattern})$`),
  better,
]);
const parts = new Map(Object.entries({ ...WORDS, ...IDENTIFIER_PARTS }));
const phrases = Object.entries({ ...WORDS, ...PHRASES }).map(([phrase, better]) => [
  new RegExp(String.raw`\b(?:${phrase.replaceAll(" ", String.raw`\s+`)})\b`, "gi"),
  better,
]);
let count = 0;

function report(file, line, message) {
  count += 1;
  console.error(`${file}:${line}: ${message}`);
}

function partsOf(name) {
  return name
    .replace(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/g, "$1$3 $2$4")
    .toLowerCase()
    .split(/[^a-z]+/);
}

function checkName(file, line, name) {
  const bare = name.replace(/^#/, "");
  const whole = identifiers.find(([pattern]) => pattern.test(bare))?.[1];
  const better = whole ?? parts.get(partsOf(bare).find((part) => parts.has(part)));
  if (better !== undefined) report(file, line, `${name}: rather ${better}`);
}

/** The name that a file's main declaration would have: `waiting-room` holds `WaitingRoom`. */
function pascalCase(name) {
  return name.replace(/(?:^|-)([a-z])/g, (_found, letter) => letter.toUpperCase());
}

function checkText(file, firstLine, text) {
  for (const [pattern, better] of phrases) {
    for (const { 0: found, index } of text.matchAll(pattern)) {
      report(
        file,
        firstLine + text.slice(0, index).split("\n").length - 1,
        `"${found}": rather "${better}"`,
      );
    }
  }
}

/** A URL cannot be broken, so a line may be longer by one. */
function checkWidth(file, line, text) {
  const visible = text.replace(/\]\([^)]*\)/g, "]").replace(/https?:\/\/\S+/g, "");
  const { length } = [...visible];
  if (length > MAX_COLUMN) report(file, line, `ends at column ${length}: wrap it at ${MAX_COLUMN}`);
}

function checkCode(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lines = text.split("\n");
  const lineAt = (position) => source.getLineAndCharacterOfPosition(position).line + 1;
  const comments = new Map();
  const visit = (node) => {
    if (node.kind === ts.SyntaxKind.Identifier || node.kind === ts.SyntaxKind.PrivateIdentifier) {
      checkName(file, lineAt(node.getStart()), node.text);
    } else if (ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node)) {
      checkText(file, lineAt(node.getStart()), node.text);
    }
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const range of ranges) comments.set(range.pos, range);
    for (const child of node.getChildren(source)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(source);
  for (const { pos, end } of comments.values()) {
    const first = lineAt(pos);
    const comment = text.slice(pos, end);
    checkText(file, first, comment);
    // A directive stands on the line that it is about.
    if (/^\/[/*] (eslint-|@ts-)/.test(comment)) continue;
    for (let line = first; line <= lineAt(end); line += 1) checkWidth(file, line, lines[line - 1]);
  }
}

function checkMarkdown(file, text) {
  let inCode = false;
  text.split("\n").forEach((line, index) => {
    if (/^\s*(```|~~~)/.test(line)) inCode = !inCode;
    checkText(file, index + 1, line);
    const isProse = !inCode && !/^\s*(\||<|\[[^\]]+\]:)/.test(line);
    if (isProse) checkWidth(file, index + 1, line);
  });
}

const files = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
  { encoding: "utf8" },
)
  .split("\0")
  .filter((file) => file !== "" && !EXCLUDED.test(file));
for (const file of new Set(files)) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    continue; // Deleted, and not committed yet.
  }
  checkName(file, 1, file);
  checkName(file, 1, pascalCase(basename(file).replace(/\..*$/, "")));
  if (/\.[cm]?[jt]s$/.test(file)) checkCode(file, text);
  else if (file.endsWith(".md")) checkMarkdown(file, text);
  else if (/\.(html|css|py|json|ya?ml)$/.test(file)) checkText(file, 1, text);
}
if (count > 0) {
  console.error(`${count} findings: see "Names and comments" in CONTRIBUTING.md.`);
  process.exitCode = 1;
}
