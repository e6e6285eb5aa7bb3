/** Built-in modules that the first answer does not need: loading one costs about a millisecond. */
export const lazyCrypto = (): typeof import("node:crypto") =>
  process.getBuiltinModule("node:crypto");
export const lazyChildProcess = (): typeof import("node:child_process") =>
  process.getBuiltinModule("node:child_process");
export const lazyDns = (): typeof import("node:dns") => process.getBuiltinModule("node:dns");
export const lazyHttp = (): typeof import("node:http") => process.getBuiltinModule("node:http");
export const lazyHttps = (): typeof import("node:https") => process.getBuiltinModule("node:https");
export const lazyTls = (): typeof import("node:tls") => process.getBuiltinModule("node:tls");
export const lazyZlib = (): typeof import("node:zlib") => process.getBuiltinModule("node:zlib");

/** The packages that are loaded on demand. The build puts each into a file of its own. */
export const importers = {
  axios: () => import("axios"),
  chokidar: () => import("chokidar"),
  "http-proxy-agent": () => import("http-proxy-agent"),
  "https-proxy-agent": () => import("https-proxy-agent"),
  "prom-client": () => import("prom-client"),
  "proxy-from-env": () => import("proxy-from-env"),
  winston: () => import("winston"),
};

export type LibraryName = keyof typeof importers;
export type Library<Name extends LibraryName> = Awaited<ReturnType<(typeof importers)[Name]>>;

/** A package's file is missing or damaged, or the system refuses to open it. */
export class LibraryLoadError extends Error {
  override readonly name = "LibraryLoadError";
  /** What a person can do about it. */
  readonly hint =
    "Exclude the worker's folder from virus scanning, or install the worker again. The worker tries again by itself.";

  constructor(library: string, cause: unknown) {
    const code = (cause as NodeJS.ErrnoException | null)?.code ?? "unknown error";
    super(`The worker's library ${library} could not be loaded (${code}).`, { cause });
  }
}

/**
 * Loads a package. Rejects with a `LibraryLoadError`. A failure may be a passing one (a virus
 * scanner that holds the file, no free file descriptor), so callers do not keep a rejected promise.
 */
export async function loadLibrary<Name extends LibraryName>(name: Name): Promise<Library<Name>> {
  try {
    return (await importers[name]()) as Library<Name>;
  } catch (error) {
    throw new LibraryLoadError(name, error);
  }
}
