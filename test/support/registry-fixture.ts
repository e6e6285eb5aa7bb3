// npm's registry, as far as npm asks for it: packages and their tarballs, and known
// vulnerabilities.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** A package.json, of which npm also reads the dependencies and scripts, and a tarball. */
interface PublishedPackage {
  readonly name: string;
  readonly version: string;
  /** Without one, npm can look the package up, but not install it. */
  readonly tarball?: Buffer;
}

interface Advisory {
  readonly id: number;
  readonly url: string;
  readonly title: string;
  readonly severity: string;
  readonly vulnerable_versions: string;
}

const AUDIT_PATH = "/-/npm/v1/security/advisories/bulk";

export class Registry {
  /** Versions by name, as npm asked for their vulnerabilities; null until it has. */
  audited: Record<string, string[]> | null = null;
  /** By package name; null: this registry does not say what is vulnerable. */
  advisories: Record<string, Advisory[]> | null = {};
  readonly #server: Server;
  readonly #packages: readonly PublishedPackage[];

  private constructor(packages: readonly PublishedPackage[]) {
    this.#packages = packages;
    this.#server = createServer((request, response) => void this.#respond(request, response));
  }

  static async start(packages: readonly PublishedPackage[]): Promise<Registry> {
    const registry = new Registry(packages);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** For npm's environment: this registry alone, and a cache of its own. */
  environment(cache: string): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo;
    return {
      npm_config_registry: `http://127.0.0.1:${port}`,
      npm_config_cache: cache,
      npm_config_fetch_retries: "0",
    };
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url!);
    if (request.method !== "GET") {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (path !== AUDIT_PATH || this.advisories === null) {
        refuse(response, 405);
        return;
      }
      const body = Buffer.concat(chunks);
      const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      this.audited = JSON.parse(text.toString()) as Record<string, string[]>;
      return void response.end(JSON.stringify(this.advisories));
    }
    const tarball = this.#packages.find((each) => path === tarballPath(each))?.tarball;
    if (tarball !== undefined) return void response.end(tarball);
    const versions = this.#packages.filter(({ name }) => path === `/${name}`);
    if (versions.length === 0) {
      refuse(response, 404);
      return;
    }
    const origin = `http://${request.headers.host}`;
    return void response.end(JSON.stringify(packument(versions, origin)));
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status).end("{}");
}

function tarballPath({ name, version }: PublishedPackage): string {
  return `/${name}/-/${version}.tgz`;
}

function packument(packages: readonly PublishedPackage[], origin: string): unknown {
  const versions = packages.map((each) => {
    const { tarball = Buffer.alloc(0), ...metadata } = each;
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    const dist = { tarball: `${origin}${tarballPath(each)}`, integrity };
    return [each.version, { ...metadata, dist }] as const;
  });
  const [latest] = versions.at(-1)!;
  const { name } = packages[0]!;
  return { name, "dist-tags": { latest }, versions: Object.fromEntries(versions) };
}
