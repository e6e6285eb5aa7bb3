// Bundles the product into dist/: worker.cjs holds what the first answer needs; each heavy library is a file of its own, loaded
// when first needed. CommonJS, because esbuild's ESM output of these libraries crashes at start. keytar stays outside: it is native.
import { readFile, rm, stat } from "node:fs/promises";
import { build } from "esbuild";

const lazyLibraries = [
  "axios",
  "winston",
  "chokidar",
  "https-proxy-agent",
  "http-proxy-agent",
  "proxy-from-env",
  "rotating-file-stream",
  "write-file-atomic",
];

const { version } = JSON.parse(await readFile("package.json", "utf8"));

const common = {
  define: { WORKER_VERSION: JSON.stringify(version) },
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  minify: true,
  keepNames: true,
  legalComments: "none",
  logLevel: "warning",
  external: ["keytar"],
};

/** Turns `import("axios")` into a load of dist/lib/axios.cjs. */
const lazyLibrariesApart = {
  name: "lazy-libraries-apart",
  setup(context) {
    const wanted = new RegExp(`^(${lazyLibraries.join("|")})$`);
    context.onResolve({ filter: wanted }, ({ path, kind, importer }) => {
      if (kind !== "dynamic-import") throw new Error(`${path} must be loaded lazily, by import(): ${importer}`);
      return { path: `./lib/${path}.cjs`, external: true };
    });
  },
};

await rm("dist", { recursive: true, force: true });
const exists = (path) =>
  stat(path).then(
    () => true,
    () => false,
  );
const present = async (entries) => {
  const found = await Promise.all(entries.map(async (entry) => ((await exists(entry.in)) ? [entry] : [])));
  return found.flat();
};

await Promise.all([
  build({
    ...common,
    entryPoints: await present([
      { in: "src/main.ts", out: "worker" },
      { in: "src/cli/main.ts", out: "cli" },
    ]),
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
    // Node's own import() does not find the names that a minified CommonJS file exports; require does.
    supported: { "dynamic-import": false },
    plugins: [lazyLibrariesApart],
  }),
  build({
    ...common,
    format: "esm",
    entryPoints: await present([
      { in: "simulator/main.ts", out: "simulator" },
      { in: "simulator/demo/main.ts", out: "demo" },
    ]),
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
  }),
  ...lazyLibraries.map((name) =>
    build({
      ...common,
      stdin: { contents: `module.exports = require(${JSON.stringify(name)});`, resolveDir: process.cwd() },
      outfile: `dist/lib/${name}.cjs`,
    }),
  ),
]);
