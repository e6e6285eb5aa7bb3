// The words of the product's own texts and names, which `support-bundle` keeps: whatever else is in
// a log may be the name of a person (src/faults/pseudonymizer.ts).
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import ts from "typescript";

import { personNames } from "./person-names.mjs";

/** In paths, and in what HTTP and proxies say of themselves. */
const TECHNICAL_WORDS = `
  AppData Data Documents Library Local Logs LocalLow Program Files ProgramData Roaming Users Volumes
  Windows System32 bin etc home lib local mnt opt private root run share srv state tmp usr var
  Apache IIS Microsoft HTTPAPI nginx openresty squid tinyproxy Varnish HAProxy Envoy istio Zscaler
  BlueCoat Fortinet FortiGate Sophos Cisco Umbrella Imagicle Webex Squid Proxy Gateway Firewall
  Access Denied Forbidden Unauthorized Required Authentication Error Bad Request Found Moved
  Permanently Temporarily Unavailable Service Timeout Internal Server Not Allowed Method Gone
  Too Many Requests Conflict Payload Large Unsupported Media Type Implemented
`;

/** The scripted workers of check-host know persons, and leave nothing in a log. */
const INVENTED_PERSONS = /^cli[\\/]check-host[\\/]/;

/**
 * In literals and identifiers, without comments and names of persons, sorted, a word a line.
 *
 * @param {string} folder The sources.
 */
export async function ownWords(folder) {
  const words = new Set(wordsIn(TECHNICAL_WORDS));
  const paths = (await readdir(folder, { recursive: true })).filter(
    (path) => path.endsWith(".ts") && !INVENTED_PERSONS.test(path),
  );
  for (const path of paths) {
    const text = await readFile(join(folder, path), "utf8");
    const visit = (node) => {
      const isText =
        ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isLiteralExpression(node);
      const isTemplate = ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
      if ((isText && !ts.isRegularExpressionLiteral(node)) || isTemplate)
        for (const word of wordsIn(node.text)) words.add(word);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
    for (const word of wordsIn(path)) words.add(word);
  }
  const kept = [...words].filter((word) => !personNames.has(word));
  // The order of bytes, as no locale decides it.
  return `${kept.sort().join("\n")}\n`;
}

function wordsIn(text) {
  return text.match(/[\p{L}\p{M}\p{N}_]+/gu) ?? [];
}
