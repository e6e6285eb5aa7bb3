// The declarations of `ucx-webex-presence/client` in one file that refers to no other.
import { generateDtsBundle } from "dts-bundle-generator";
import { format, resolveConfig } from "prettier";

/** CommonJS, as dist/client.cjs is: the extension says so in a package of ES modules. */
export const CLIENT_DECLARATIONS = "src/client/client.d.cts";

const BANNER = "// Generated from src/client/ by `npm run generate`: do not edit.";

/** @returns {Promise<string>} The content of `CLIENT_DECLARATIONS`. */
export async function clientDeclarations() {
  const [text] = generateDtsBundle(
    [
      {
        filePath: "src/client/client.ts",
        output: { noBanner: true, exportReferencedTypes: false, sortNodes: true },
      },
    ],
    { preferredConfigPath: "tsconfig.declarations.json" },
  );
  return format(`${BANNER}\n\n${text}`, {
    ...(await resolveConfig(CLIENT_DECLARATIONS)),
    parser: "typescript",
  });
}
