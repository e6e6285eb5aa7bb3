// npm run check: format, types (also those of the pure set), lint, import rules, unused code, generated files. All are run; any fails.
import { spawnSync } from "node:child_process";

const steps = [
  ["format", "prettier --check --log-level warn ."],
  ["types", "tsc -p tsconfig.json"],
  ["pure types", "tsc -p tsconfig.pure.json"],
  ["lint", "eslint . --cache --cache-location node_modules/.cache/eslint/"],
  ["import rules", "depcruise src simulator --config .dependency-cruiser.cjs --output-type err"],
  ["unused code", "knip"],
  ["plugin.manifest.json", "node scripts/generate-manifest.mjs --check"],
  ["openrpc.json", "node scripts/generate-openrpc.mjs --check"],
  ["generated parts of README and docs", "node scripts/generate-docs.mjs --check"],
];

for (const [name, command] of steps) {
  const began = Date.now();
  const { status } = spawnSync(
    `npx --no-install ${command}`.replace("npx --no-install node ", "node "),
    {
      stdio: "inherit",
      shell: true,
    },
  );
  console.error(
    `${status === 0 ? "ok  " : "FAIL"} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`,
  );
  if (status !== 0) process.exitCode = 1;
}
