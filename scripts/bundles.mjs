// What esbuild makes of the sources: dist/lib/worker.cjs holds what the first answer needs, and
// each heavy library is a file of its own that is loaded on first use. The format is CommonJS,
// because esbuild's ESM output of these libraries crashes at startup. keytar stays outside: it is
// native.
import * as fsPromises from "node:fs/promises";

/**
 * The parameters of the function that the worker's bundle is wrapped in; the launcher passes Node's
 * own.
 */
export const WRAPPER_PARAMETERS = "exports, require, module, __filename, __dirname";

const lazyLibraries = [
  "axios",
  "winston",
  "chokidar",
  "fflate",
  "https-proxy-agent",
  "http-proxy-agent",
  "prom-client",
  "proxy-from-env",
];

/**
 * Leaves out what libraries import, nothing here uses, and costs memory: winston's colors and its
 * own debugging, and axios's table of MIME types.
 */
const withoutUnused = {
  name: "without-unused",
  setup(context) {
    const contents = {
      "@colors/colors": "module.exports = {};",
      "@dabh/diagnostics": "module.exports = () => () => undefined;",
      "mime-db": "module.exports = {};",
    };
    context.onResolve(
      { filter: /^(@colors\/colors|@dabh\/diagnostics|mime-db)(\/|$)/ },
      ({ path }) => ({
        path: Object.keys(contents).find((name) => path.startsWith(name)),
        namespace: "unused",
      }),
    );
    context.onLoad({ filter: /.*/, namespace: "unused" }, ({ path }) => ({
      contents: contents[path],
    }));
  },
};

/** Turns `import("axios")` into a load of dist/lib/axios.cjs. */
const lazyLibrariesApart = {
  name: "lazy-libraries-apart",
  setup(context) {
    const names = new RegExp(`^(${lazyLibraries.join("|")})$`);
    context.onResolve({ filter: names }, ({ path, kind, importer }) => {
      if (kind !== "dynamic-import")
        throw new Error(`${path} must be loaded lazily, by import(): ${importer}`);
      return { path: `./lib/${path}.cjs`, external: true };
    });
  },
};

/**
 * Has node:fs/promises loaded when a function of it is first used, which is after the first answer.
 * With it come a dozen more of Node's modules, which take 2 to 3 ms of processor time.
 */
const lazyFsPromises = {
  name: "lazy-fs-promises",
  setup(context) {
    const path = "node:fs/promises";
    const namespace = "lazy-fs-promises";
    const get = `() => require(${JSON.stringify(path)})[name]`;
    context.onResolve({ filter: /^node:fs\/promises$/ }, ({ importer }) =>
      importer === path ? { path, external: true } : { path, namespace },
    );
    context.onLoad({ filter: /.*/, namespace }, () => ({
      contents: `for (const name of ${JSON.stringify(Object.keys(fsPromises))})
        Object.defineProperty(exports, name, { enumerable: true, get: ${get} });`,
    }));
  },
};

/** Has the command line and the demo load dist/client.cjs, as those do who use the package. */
const clientApart = {
  name: "client-apart",
  setup(context) {
    context.onResolve({ filter: /\/client\/client\.js$/ }, () => ({
      path: "./client.cjs",
      external: true,
    }));
  },
};

const packageFile = new URL("../package.json", import.meta.url);
const { version } = JSON.parse(await fsPromises.readFile(packageFile, "utf8"));

const common = {
  define: { WORKER_VERSION: JSON.stringify(version) },
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  minify: true,
  // THIRD-PARTY-NOTICES holds the licenses of everything that is bundled.
  legalComments: "none",
  logLevel: "warning",
  external: ["keytar"],
};

/**
 * The worker and the command line: their stacks are mapped back to src/
 * (src/platform/source-positions.ts).
 */
const product = {
  ...common,
  // Node's own import() does not find the names that a minified CommonJS file exports; require
  // does.
  supported: { "dynamic-import": false },
  plugins: [lazyLibrariesApart, lazyFsPromises],
  sourcemap: "linked",
  sourcesContent: false,
};

/** An esbuild configuration for each bundle. */
export const bundles = [
  {
    ...product,
    entryPoints: ["src/main.ts"],
    outfile: "dist/lib/worker.cjs",
    banner: { js: `(function (${WRAPPER_PARAMETERS}) {` },
    footer: { js: "})" },
  },
  {
    ...product,
    entryPoints: ["src/cli/main.ts"],
    outfile: "dist/cli.cjs",
    plugins: [...product.plugins, clientApart],
  },
  { ...common, entryPoints: ["src/client/client.ts"], outfile: "dist/client.cjs" },
  {
    ...product,
    entryPoints: ["src/cli/check-host/worker-main.ts"],
    outfile: "dist/lib/scripted-worker.cjs",
  },
  {
    ...common,
    format: "esm",
    plugins: [clientApart],
    entryPoints: [
      { in: "simulator/main.ts", out: "simulator" },
      { in: "simulator/demo/main.ts", out: "demo" },
      { in: "simulator/host-main.ts", out: "host" },
    ],
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
  },
  {
    ...common,
    entryPoints: ["src/dashboard/page/script/main.ts"],
    outfile: "dist/assets/dashboard/page/dashboard.client.js",
    platform: "browser",
    // Browsers that know the stylesheet's light-dark() are newer still.
    target: "es2022",
    format: "iife",
    loader: { ".css": "text" },
  },
  ...lazyLibraries.map((name) => ({
    ...common,
    stdin: {
      contents: `module.exports = require(${JSON.stringify(name)});`,
      resolveDir: process.cwd(),
    },
    outfile: `dist/lib/${name}.cjs`,
    plugins: [withoutUnused],
  })),
];
