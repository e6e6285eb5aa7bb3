import { authorizeApiRequest } from "./api-access.js";
import { AuthorizeRoutes } from "./authorize-routes.js";
import { DeviceRoutes } from "./device-routes.js";
import { notFound, type Exchange, type Reply } from "./exchange.js";
import { organizationRoute } from "./organization-routes.js";
import { peopleRoute } from "./people-routes.js";
import { revokeRoute, tokenRoute } from "./token-routes.js";
import type { SimulatorContext } from "./world.js";

/** Which address answers what. */
export class Router {
  readonly #context: SimulatorContext;
  readonly #control: (exchange: Exchange) => Promise<Reply>;
  readonly #authorize: AuthorizeRoutes;
  readonly #device: DeviceRoutes;

  constructor(context: SimulatorContext, control: (exchange: Exchange) => Promise<Reply>) {
    this.#context = context;
    this.#control = control;
    this.#authorize = new AuthorizeRoutes(context);
    this.#device = new DeviceRoutes(context);
  }

  async route(exchange: Exchange): Promise<Reply> {
    const [, root, resource] = exchange.url.pathname.split("/");
    if (root === "simulator") return this.#control(exchange);
    if (root === "v1" && (resource === "people" || resource === "organizations")) {
      const access = authorizeApiRequest(exchange, this.#context);
      if ("refusal" in access) return access.refusal;
      return resource === "people"
        ? peopleRoute(exchange, this.#context, access)
        : organizationRoute(exchange, this.#context, access);
    }
    switch (`${exchange.method} ${exchange.url.pathname}`) {
      case "GET /v1/authorize":
      case "POST /v1/authorize":
        return this.#authorize.handle(exchange);
      case "GET /device":
      case "POST /device":
        return this.#device.page(exchange);
      case "POST /v1/access_token":
        return tokenRoute(exchange, this.#context, this.#authorize);
      case "POST /v1/device/authorize":
        return this.#device.authorize(exchange);
      case "POST /v1/device/token":
        return this.#device.token(exchange);
      case "POST /idb/oauth2/v1/revoke":
        return revokeRoute(exchange, this.#context);
      default:
        return notFound(exchange);
    }
  }
}
