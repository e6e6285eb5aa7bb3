import { admit } from "./api-access.js";
import { AuthorizeRoutes } from "./authorize-routes.js";
import { DeviceRoutes } from "./device-routes.js";
import { notFound, type Exchange, type Reply } from "./exchange.js";
import { organizationRoute } from "./organization-routes.js";
import { peopleRoute } from "./people-routes.js";
import { revokeRoute, tokenRoute } from "./token-routes.js";
import type { World } from "./world.js";

/** Which address answers what. */
export class Router {
  readonly #world: World;
  readonly #control: (exchange: Exchange) => Promise<Reply>;
  readonly #authorize: AuthorizeRoutes;
  readonly #device: DeviceRoutes;

  constructor(world: World, control: (exchange: Exchange) => Promise<Reply>) {
    this.#world = world;
    this.#control = control;
    this.#authorize = new AuthorizeRoutes(world);
    this.#device = new DeviceRoutes(world);
  }

  async route(exchange: Exchange): Promise<Reply> {
    const [, root, resource] = exchange.url.pathname.split("/");
    if (root === "simulator") return this.#control(exchange);
    if (root === "v1" && (resource === "people" || resource === "organizations")) {
      const access = admit(exchange, this.#world);
      if ("refusal" in access) return access.refusal;
      return resource === "people"
        ? peopleRoute(exchange, this.#world, access)
        : organizationRoute(exchange, this.#world, access);
    }
    switch (`${exchange.method} ${exchange.url.pathname}`) {
      case "GET /v1/authorize":
      case "POST /v1/authorize":
        return this.#authorize.handle(exchange);
      case "GET /device":
      case "POST /device":
        return this.#device.page(exchange);
      case "POST /v1/access_token":
        return tokenRoute(exchange, this.#world, this.#authorize);
      case "POST /v1/device/authorize":
        return this.#device.authorize(exchange);
      case "POST /v1/device/token":
        return this.#device.token(exchange);
      case "POST /idb/oauth2/v1/revoke":
        return revokeRoute(exchange, this.#world);
      default:
        return notFound(exchange);
    }
  }
}
