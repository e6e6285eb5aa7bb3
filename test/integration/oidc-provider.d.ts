/** As much of oidc-provider as its test needs: the package has no types of its own. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  interface StoredToken {
    readonly isExpired: boolean;
    readonly scope?: string;
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    readonly AccessToken: { find(token: string): Promise<StoredToken | undefined> };
    readonly RefreshToken: {
      find(token: string): Promise<(StoredToken & { readonly consumed?: number }) | undefined>;
    };
  }
}
