import type { Logger } from "../ports/logger.js";

const nothing = (): void => undefined;

/** A command says itself what its reader should know; the log belongs to the worker. */
export const quietLog: Logger = { error: nothing, warn: nothing, info: nothing, debug: nothing };
