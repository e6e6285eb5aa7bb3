/** What the host's environment does to the worker, in words for the log. */
export interface EnvironmentNotice {
  /** warn: it exposes secrets or weakens TLS. info: the worker ignores it. */
  readonly level: "warn" | "info";
  readonly message: string;
}

/** Variables of libraries in the bundle, and what they would do. */
const IGNORED_VARIABLES: Readonly<Record<string, string>> = {
  DEBUG: "make libraries print the proxy's password and access tokens to stderr",
  CHOKIDAR_USEPOLLING: "change how the settings file is watched",
  CHOKIDAR_INTERVAL: "change how the settings file is watched",
  READABLE_STREAM: "change how the log is written",
};

/** libuv's default. With fewer threads, a name that takes long to resolve delays file access. */
const MIN_THREADS = 4;

const RUNS_CODE = "runs other code in the worker, which can read every secret and print to stdout";
const DEBUGGER =
  "opens a debugger's port, through which other programs on this machine can read every secret";
const MEMORY_FILES = "writes the worker's memory or environment to files, secrets included";
const PROFILE_FILES = "writes profiles or traces of the worker to files and slows it down";
const WEAK_TLS = "weakens the encryption of connections to Webex";

/** Options of Node.js that expose secrets, weaken TLS or write what nobody expects. */
const RISKY_OPTIONS: readonly (readonly [RegExp, string])[] = [
  [/^(-r|--require|--import|--loader|--experimental-loader)$/, RUNS_CODE],
  [/^--inspect(-brk|-wait)?$/, DEBUGGER],
  [/^--tls-keylog$/, "writes the keys of TLS connections to a file, which can decrypt them"],
  [/^--(heapsnapshot-(signal|near-heap-limit)|report-(on-.*|uncaught-exception))$/, MEMORY_FILES],
  // A core file, where the system is set up to write one.
  [/^--abort-on-uncaught-exception$/, MEMORY_FILES],
  [/^--((cpu-|heap-)?prof|trace-event(-categories|s-enabled))$/, PROFILE_FILES],
  [/^--trace-tls$/, "prints the handshakes of TLS connections to stderr, among the log records"],
  [
    /^--(tls-min-v1\.[01]|tls-cipher-list|openssl-(config|legacy-provider|shared-config))$/,
    WEAK_TLS,
  ],
  [/^--(insecure-http-parser|security-revert)$/, "accepts malformed or unsafe HTTP and TLS data"],
];

/**
 * Removes from this process's environment what belongs to other programs and would make libraries
 * print secrets or behave differently, and stops the debug output of NODE_DEBUG. To be called
 * before a library is loaded. Returns what to log; names options and variables, never values.
 */
export function sanitizeEnvironment(
  env: NodeJS.ProcessEnv = process.env,
  execArgv: readonly string[] = process.execArgv,
): EnvironmentNotice[] {
  const notices: EnvironmentNotice[] = [];
  for (const [name, effect] of Object.entries(IGNORED_VARIABLES)) {
    if (isSet(env, name)) notices.push(ignored(name, effect));
    Reflect.deleteProperty(env, name);
  }
  if (isSet(env, "NODE_DEBUG")) {
    muteNodeDebug();
    notices.push(ignored("NODE_DEBUG", "print access tokens and passwords to stderr"));
  }
  if (Number(env.UV_THREADPOOL_SIZE) < MIN_THREADS) env.UV_THREADPOOL_SIZE = String(MIN_THREADS);
  const sources = [
    ["The environment variable NODE_OPTIONS", (env.NODE_OPTIONS ?? "").split(/[\s"']+/)],
    ["The command line of Node.js", execArgv],
  ] as const;
  for (const [source, words] of sources) {
    // Node.js accepts underscores for dashes, and a value behind an equals sign.
    const options = words.map((word) => word.replace(/=.*/s, "").replaceAll("_", "-"));
    for (const option of new Set(options)) {
      const effect = RISKY_OPTIONS.find(([pattern]) => pattern.test(option))?.[1];
      if (effect !== undefined) notices.push(risky(source, option, effect));
    }
  }
  return notices;
}

function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return env[name] !== undefined && env[name] !== "";
}

function ignored(name: string, effect: string): EnvironmentNotice {
  const message = `The worker ignores the environment variable ${name}, which would ${effect}.`;
  return { level: "info", message };
}

function risky(source: string, option: string, effect: string): EnvironmentNotice {
  const message = `${source} contains ${option}, which ${effect}. Presence is not affected. Unless somebody set it on purpose, remove it from the environment of the host and restart the host.`;
  return { level: "warn", message };
}

/**
 * Drops what NODE_DEBUG makes Node.js print, which includes request headers and the proxy's URL.
 * Node.js reads the variable before any program runs, but looks up `process.stderr.write` for each
 * message `SET pid: text` (lib/internal/util/debuglog.js).
 */
function muteNodeDebug(): void {
  const { stderr, pid } = process;
  // With FORCE_COLOR, the process ID is colored.
  const debugMessage = new RegExp(`^\\S+ (?:\u001b\\[\\d+m)?${pid}(?:\u001b\\[\\d+m)?: `);
  const write = stderr.write.bind(stderr) as (...args: unknown[]) => boolean;
  stderr.write = (chunk: unknown, ...rest: unknown[]) =>
    (typeof chunk === "string" && debugMessage.test(chunk)) || write(chunk, ...rest);
}
