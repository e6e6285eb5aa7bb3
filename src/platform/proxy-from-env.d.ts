declare module "proxy-from-env" {
  /** The proxy's URL for a target by the environment's *_PROXY and NO_PROXY, or "". */
  export function getProxyForUrl(url: string): string;
}
