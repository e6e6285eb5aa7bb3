// Writes the types of the protocol and the declarations of the client. With --check, compares only
// and exits with 1 on a difference.
import { readFile, writeFile } from "node:fs/promises";

import { CLIENT_DECLARATIONS, clientDeclarations } from "./client-declarations.mjs";
import { PROTOCOL_TYPES, protocolTypes } from "./protocol-types.mjs";

const isCheck = process.argv.includes("--check");

async function generate(path, makeText) {
  const text = await makeText();
  if (!isCheck) {
    await writeFile(path, text);
  } else if ((await readFile(path, "utf8").catch(() => "")) !== text) {
    console.error(`${path} is out of date: run npm run generate.`);
    process.exitCode = 1;
  }
}

// The declarations contain the types.
await generate(PROTOCOL_TYPES, protocolTypes);
await generate(CLIENT_DECLARATIONS, clientDeclarations);
