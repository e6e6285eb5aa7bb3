import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { decodeGrant, decodeIndex } from "../../src/authorization/keychain-records.js";
import { sanitizeText } from "../../src/authorization/page/page-model.js";
import { parseChecksums } from "../../src/cli/checksum-list.js";
import { findPageUrl } from "../../src/cli/authorize.js";
import { LineEditor } from "../../src/cli/terminal/input.js";
import { KeyParser } from "../../src/cli/terminal/keys.js";
import { decodePiped } from "../../src/cli/terminal/piped-text.js";
import {
  clip,
  displayWidth,
  toPrintableStyled,
  withLocalTimes,
  wrap,
} from "../../src/cli/terminal/text.js";
import {
  findTitle,
  sanitize,
  toPrintable,
  toPrintableJson,
} from "../../src/faults/foreign-text.js";
import { exceedsDepth } from "../../src/faults/json-depth.js";
import { bytesContainSecret } from "../../src/faults/secret-search.js";
import { findCredentialIssue, Secret } from "../../src/faults/secret.js";
import { createCertificateReader } from "../../src/platform/certificates.js";
import { readIniLine } from "../../src/platform/ini-line.js";
import { FrameParser } from "../../src/platform/json-rpc/framing.js";
import { redactText } from "../../src/platform/winston-log.js";
import { proxyFault } from "../../src/platform/proxy-faults.js";
import { decodeLearned } from "../../src/polling/learned-facts.js";
import { addressKey, normalizeAddress, normalizeOwnAddress } from "../../src/presence/address.js";
import { checkParams, type MethodName } from "../../src/rpc/params.js";
import { decodeSettings } from "../../src/settings/decode.js";
import { displayedText } from "../../src/settings/displayed-text.js";
import { defaultSettings } from "../../src/settings/keys.js";
import { parseSettings } from "../../src/settings/parse.js";
import { parseErrorResponse, retryAfterMs } from "../../src/webex/error-response.js";
import { isMember, organizationUuid } from "../../src/webex/ids.js";
import { decodeMe, parseListedPersons } from "../../src/webex/people.js";
import { nextLink } from "../../src/webex/rest.js";

const MEGABYTE = 2 ** 20;
/** All pieces are tried with texts of this length, and with a megabyte those that take longest. */
const SHORT = MEGABYTE / 16;
const TRIED_LONG = 4;
/**
 * Processor time. What takes quadratic time needs seconds for a short text, and many minutes for a
 * megabyte.
 */
const LIMIT_MS = { short: 600, megabyte: 2_500 };

/** Pieces that lead a pattern on, many times, and an end that it does not expect. */
const PIECES = [
  ..."= / \\ ; # [ ] < > \" ' & % @ : , . - _ ( { ? * \n \r \t \u001b".split(" "),
  ...[
    " ",
    "a",
    "1",
    "\u001a",
    "\ufeff",
    "\u00a0",
    "\u200b",
    "\u009b",
    "\ufffd",
    "\ud800",
    "é",
    "0",
    "é€",
    "あ b",
    "e\u0301",
  ],
  ...["[a", "a=", "a =", "; [a]", '"a" ', "'a' ;", "\\\\", "\\;", "]]", "=[]", "key[]=", "[x]y"],
  ...["&amp;", "&#0", "&#x", "%25", "%40", "<!--", "<title ", "</", "a@", "a@b", "@a", "::", "//"],
  ...[
    "<>",
    "<>;",
    ";rel",
    ';a="',
    '"\\',
    ";a= ",
    "<>;a=",
    " ;",
    ", ",
    "bearer ",
    "token=a",
    "Basic ",
  ],
  ...["webexpresence", "webexpresence.", "webex ", "webex-presence", "WebexPresence.Proxy=http://"],
  ...["enable ", "password", "http://a:", "-----BEGIN CERTIFICATE-----", "-----END ", "rand(1"],
  ...["2026-01-01T00:00:00", "\u001b[", "\u001b[1", "\u001b[1;1m", "http://localhost:1/?key="],
  ...["0123456789abcdef".repeat(4), '{"', "[{", '"items":[', "==", "Content-Length: ", "\r\n"],
];
const ENDS = ["", "x", "\u0000", '"', "="];

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const NO_SECRETS = { status: 400, secrets: [] };

/** Everything that reads text of others, whatever the text says. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  "a settings file": (text) => parseSettings(text, readIniLine, defaultSettings),
  "a key of the settings": (text) =>
    parseSettings(`[WebexPresence]\nProxy=${text}`, readIniLine, defaultSettings),
  "a settings file's bytes": (text) => decodeSettings(bytesOf(text)),
  "a settings file in UTF-16": (text) => decodeSettings(Buffer.from(`\ufeff${text}`, "utf16le")),
  "an invalid value": (text) => displayedText(text.slice(0, 4_096)),
  "an address": (text) =>
    [text, text.slice(0, 1_024)].map((each) => [
      ...[normalizeAddress(each), normalizeOwnAddress(each), addressKey(each)],
    ]),
  parameters: (text) => {
    for (const [method, params] of [
      ["authorization/setProxyPassword", { password: text.slice(0, 16_384) }],
      ["authorization/setClient", { clientId: text, clientSecret: text }],
      ["initialize", { protocolVersion: text, host: { name: text, version: text } }],
      ["presence/list", { cursor: text, states: [text] }],
    ] as [MethodName, object][]) {
      try {
        checkParams(method, params);
      } catch {
        // Which of them are valid does not matter here.
      }
    }
  },
  frames: (text) =>
    new FrameParser({ body: () => undefined, invalid: () => undefined }).push(Buffer.from(text)),
  "a text of Webex": (text) => sanitize(text, [], 200),
  "an error of Webex": (text) =>
    parseErrorResponse({ ...NO_SECRETS, headers: {}, body: bytesOf(text) }, 0),
  "an error's members": (text) => {
    const short = text.slice(0, 16_000);
    const headers = {
      ...{ server: short, via: short, location: short, "content-type": short },
      ...{ trackingid: short, "retry-after": short, "www-authenticate": short, date: short },
    };
    const body = bytesOf(JSON.stringify({ message: short, error: short, errors: [short] }));
    return parseErrorResponse({ ...NO_SECRETS, status: 401, headers, body }, 0);
  },
  "a page": (text) => findTitle(bytesOf(text), `text/html; charset=${text.slice(0, 100)}`),
  "a proxy's answer": (text) => {
    const credentials = { hasUser: true, hasPassword: true, secrets: [] };
    const headers = { "proxy-authenticate": text, via: text, server: [text] };
    const response = { status: 407, headers, body: bytesOf(text) };
    return proxyFault(response, { proxy: "p", target: "t", credentials });
  },
  "a list of people": (text) => {
    try {
      const items = parseListedPersons({ ...NO_SECRETS, headers: {}, body: bytesOf(text) }, "o");
      return items.map((item) => item.read());
    } catch {
      return null;
    }
  },
  "a person of another organization": (text) => isMember(text, "an id of another form"),
  "an organization's id": (text) => organizationUuid(text),
  "the administrator": (text) =>
    decodeMe({ id: "1", orgId: "o", roles: [text], displayName: text, emails: [text] }, [
      new Secret(text.slice(-4_000)),
    ]),
  "a body that may repeat a secret": (text) => [
    bytesContainSecret(bytesOf(text), [new Secret(`x${text.slice(0, 4_000)}`)]),
    bytesContainSecret(bytesOf(text), [new Secret(`${text.slice(0, 4_000)}x`)]),
  ],
  "a Link header": (text) => {
    try {
      return nextLink(text.slice(0, 16_384), "https://a.example/", []);
    } catch {
      return null;
    }
  },
  "a Retry-After header": (text) => retryAfterMs(text, 0),
  "a record of the keychain": (text) => [decodeGrant(text), decodeIndex(text)],
  "learned.json": (text) => decodeLearned(text),
  "a credential": (text) => findCredentialIssue(text),
  "an error at the callback": (text) => sanitizeText(text),
  "a log record": (text) => [redactText(text), toPrintable(text), toPrintableJson(text)],
  JSON: (text) => exceedsDepth(bytesOf(text), 64),
  "a text for a terminal": (text) => [
    ...[toPrintableStyled(text), withLocalTimes(text, 0)],
    ...[displayWidth(text.slice(0, 2 ** 14)), clip(text, 40), clip(text, Infinity)],
    ...[...wrap(text.slice(0, 2 ** 14), 80, 2), ...wrap(text, Infinity, 2)],
  ],
  "a list of checksums": (text) => parseChecksums(text),
  "the end of a log": (text) => findPageUrl(text, 1),
  stdin: (text) => decodePiped(bytesOf(text)),
  keys: (text) => [new KeyParser().feed(text), new LineEditor().feed(text)],
};

/** The processor time of a call. */
function cpuMs(call: () => unknown): number {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function repeated(piece: string, length: number, end: string): string {
  return piece.repeat(Math.floor((length - end.length) / piece.length)) + end;
}

describe("the time that a megabyte of hostile text takes", () => {
  for (const [name, read] of Object.entries(READERS)) {
    it(`is short as ${name}`, () => {
      read("x");
      const measured = PIECES.map((piece, index) => {
        const end = ENDS[index % ENDS.length] ?? "";
        const ms = cpuMs(() => read(repeated(piece, SHORT, end)));
        expect(ms, JSON.stringify([piece, end])).to.be.lessThan(LIMIT_MS.short);
        return { piece, end, ms };
      });
      const longest = measured.sort((a, b) => b.ms - a.ms).slice(0, TRIED_LONG);
      for (const { piece, end } of longest) {
        const ms = cpuMs(() => read(repeated(piece, MEGABYTE, end)));
        expect(ms, JSON.stringify([piece, end])).to.be.lessThan(LIMIT_MS.megabyte);
      }
    }).timeout(60_000);
  }

  it("is short as a file of certificates", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ucx-pem-"));
    const path = join(folder, "a.pem");
    const begin = "-----BEGIN CERTIFICATE-----";
    for (const piece of [begin, "-----BEGIN ", " ", "-", "A", "\n"]) {
      await writeFile(path, begin + repeated(piece, MEGABYTE - begin.length, ""));
      const before = process.cpuUsage();
      expect(await createCertificateReader()(path)).to.include({ ok: false });
      expect(process.cpuUsage(before).user / 1_000, piece).to.be.lessThan(LIMIT_MS.megabyte);
    }
    await rm(folder, { recursive: true });
  });
});
