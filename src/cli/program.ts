import { Command, CommanderError, Option } from "commander";

import { version } from "../platform/installation.js";
import type { CommandContext, ExitCode } from "./command.js";
import { runCommand } from "./run-command.js";

type CommandHandler = (context: CommandContext) => Promise<ExitCode>;
interface CommandArgs {
  readonly settings?: string;
  readonly json?: true;
  readonly secretStore: "keychain" | "memory";
}

const USAGE_ERROR = 2;

/** Reads the command line and runs the command it names; ends the process with its exit code. */
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
    .description("Webex presence for the UCX Presence host: authorize it, check it, watch it.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(redactOptionValues(text)) })
    .showHelpAfterError("Try --help.");
  program
    .command("worker")
    .description("run the worker itself (worker --help)")
    .allowUnknownOption();

  command(program, "authorize", "authorize a Webex organization, as its administrator")
    .option("--device", "with a code to type on another device, instead of a page on this machine")
    .action((args: CommandArgs & { device?: true }) =>
      run(args, async (context) =>
        (await import("./authorize.js")).authorize(context, args.device === true),
      ),
    );
  command(program, "authorizations", "list the organizations authorized in this account").action(
    (args: CommandArgs) =>
      run(args, async (context) =>
        (await import("./authorizations.js")).listAuthorizations(context),
      ),
  );
  command(program, "revoke", "give an organization's authorization back")
    .argument("<orgId>", "as `authorizations` lists it")
    .action((orgId: string, args: CommandArgs) =>
      run(args, async (context) => (await import("./command-revoke.js")).revoke(context, orgId)),
    );
  command(program, "import", "keep a grant obtained elsewhere: JSON from stdin").action(
    (args: CommandArgs) =>
      run(args, async (context) => (await import("./import.js")).importGrant(context)),
  );

  const secret = program
    .command("secret")
    .description("keep a secret in this account's keychain: client or proxy")
    .helpCommand(false);
  command(
    secret,
    "client",
    "the Webex integration's client id and secret: asked for, or two lines from stdin",
  ).action((args: CommandArgs) =>
    run(args, async (context) => (await import("./secret.js")).storeClient(context)),
  );
  command(
    secret,
    "proxy",
    "the proxy's password: asked for, or a line from stdin; an empty one deletes it",
  ).action((args: CommandArgs) =>
    run(args, async (context) => (await import("./secret.js")).storeProxyPassword(context)),
  );

  command(
    program,
    "doctor",
    "check everything that presence needs, with a remedy for what fails",
  ).action((args: CommandArgs) =>
    run(args, async (context) => (await import("./doctor.js")).doctor(context)),
  );
  command(program, "status", "show what the running worker says of itself")
    .option(
      "--log-dir <dir>",
      "the folder that the worker writes to, where it is not the usual one",
    )
    .action((args: CommandArgs & { logDir?: string }) =>
      run(args, async (context) =>
        (await import("./status.js")).status(context, args.logDir ?? null),
      ),
    );
  command(program, "watch", "launch a worker and show presence as it changes; with --json, once")
    .argument("[uri...]", "whom to watch; everyone unless said")
    .action((uris: string[], args: CommandArgs) =>
      run(args, async (context) => (await import("./command-watch.js")).watch(context, uris)),
    );
  return program;
}

function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option(
      "--settings <Presence.ini>",
      "the settings file; on Windows, the product's own unless said",
    )
    .option("--json", "print one JSON object, for programs")
    .addOption(
      new Option("--secret-store <kind>")
        .choices(["keychain", "memory"])
        .default("keychain")
        .hideHelp(),
    );
}

async function run(args: CommandArgs, handler: CommandHandler): Promise<void> {
  const options = { settings: args.settings ?? null, secretStore: args.secretStore };
  await runCommand({ options, json: args.json === true }, handler);
}

/** What somebody wrote after an option that does not exist may be a secret. */
function redactOptionValues(text: string): string {
  return text.replace(/(--?[\w-]+)=[^'\n]*/g, "$1=…");
}
