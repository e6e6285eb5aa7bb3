import { Command, CommanderError, Option } from "commander";

import { version } from "../platform/node-process.js";
import { type CommandHandler, type CommonOptions, runCommand } from "./command.js";

interface CommandArgs {
  readonly settings?: string;
  readonly json?: true;
  readonly secretStore: CommonOptions["secretStore"];
}

const USAGE_ERROR = 2;

/** Runs the command that the arguments name and exits the process with its exit code. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
  }
}

function buildProgram(): Command {
  const program = new Command("ucx-webex-presence")
    .description("Authorizes, checks and shows Webex presence for the UCX Presence host.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(redactOptionValues(text)) })
    .showHelpAfterError("Run with --help for usage.");
  program.command("worker").description("run the worker (see worker --help)").allowUnknownOption();

  command(program, "authorize", "authorize a Webex organization")
    .option("--device", "use a code on any device instead of a page on this machine")
    .action((args: CommandArgs & { device?: true }) =>
      run(args, async (context) =>
        (await import("./authorize.js")).authorize(context, args.device === true),
      ),
    );
  command(program, "authorizations", "list the authorized organizations").action(
    (args: CommandArgs) =>
      run(args, async (context) =>
        (await import("./authorizations.js")).listAuthorizations(context),
      ),
  );
  command(program, "revoke", "revoke the authorization of an organization")
    .argument("<orgId>", "the organization's ID as listed by `authorizations`")
    .action((orgId: string, args: CommandArgs) =>
      run(args, async (context) => (await import("./authorizations.js")).revoke(context, orgId)),
    );
  command(program, "import", "import a grant as JSON from stdin").action((args: CommandArgs) =>
    run(args, async (context) => (await import("./import.js")).importGrant(context)),
  );

  const secret = program
    .command("secret")
    .description("store a secret in the keychain: client or proxy")
    .helpCommand(false);
  command(
    secret,
    "client",
    "store the client ID and secret of the Webex integration; prompts or reads two lines from stdin",
  ).action((args: CommandArgs) =>
    run(args, async (context) => (await import("./secret.js")).storeClient(context)),
  );
  command(
    secret,
    "proxy",
    "store the password of the proxy; prompts or reads one line from stdin, an empty one deletes it",
  ).action((args: CommandArgs) =>
    run(args, async (context) => (await import("./secret.js")).storeProxyPassword(context)),
  );

  command(program, "doctor", "check everything that presence depends on and suggest fixes").action(
    (args: CommandArgs) =>
      run(args, async (context) => (await import("./doctor.js")).doctor(context)),
  );
  command(program, "status", "show the status of the running worker")
    .option("--log-dir <dir>", "the worker's log folder, if it is not the default one")
    .action((args: CommandArgs & { logDir?: string }) =>
      run(args, async (context) =>
        (await import("./status.js")).status(context, args.logDir ?? null),
      ),
    );
  command(program, "watch", "launch a worker and show live presence; with --json, print it once")
    .argument("[uri...]", "the addresses to watch (default: everyone)")
    .action((uris: string[], args: CommandArgs) =>
      run(args, async (context) => (await import("./watch.js")).watch(context, uris)),
    );
  return program;
}

function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option(
      "--settings <Presence.ini>",
      "the settings file (default on Windows: the product's Presence.ini)",
    )
    .option("--json", "print the result as one JSON object")
    .addOption(
      new Option("--secret-store <kind>")
        .choices(["keychain", "memory"])
        .default("keychain")
        .hideHelp(),
    );
}

async function run(args: CommandArgs, handler: CommandHandler): Promise<void> {
  const { settings = null, secretStore, json = false } = args;
  await runCommand({ settings, secretStore, json }, handler);
}

/** The value of a mistyped option may be a secret. */
function redactOptionValues(text: string): string {
  return text.replace(/(--?[\w-]+)=[^'\n]*/g, "$1=…");
}
