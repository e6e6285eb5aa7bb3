import { Command, CommanderError, Option } from "commander";

import { toPrintable } from "../faults/foreign-text.js";
import { version } from "../platform/node-process.js";
import { type CommandContext, type CommandOptions, type ExitCode, runCommand } from "./command.js";
import { helpLength } from "./terminal/capabilities.js";

type CommandHandler = (context: CommandContext, args: readonly string[]) => Promise<ExitCode>;

const USAGE_ERROR = 2;
/** Below it, the texts of `--help` are not wrapped. The default is too wide for 60 columns. */
const MIN_HELP_TEXT_WIDTH = 20;

/** Runs the command that the arguments name and exits the process with its exit code. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  // The reader of a pipe may close it early, also that of `--help`.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  try {
    await buildProgram().parseAsync(argv, { from: "user" });
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
    .configureHelp({ minWidthToWrap: MIN_HELP_TEXT_WIDTH })
    .configureOutput({
      outputError: (text, write) => write(describeUsageError(text)),
      getOutHelpWidth: () => helpLength(process.stdout),
      getErrHelpWidth: () => helpLength(process.stderr),
    })
    .showHelpAfterError("Run with --help for usage.");
  program.command("worker").description("run the worker (see worker --help)").allowUnknownOption();

  addCommand(program, "authorize", "authorize a Webex organization", async (context) =>
    (await import("./authorize.js")).authorize(context),
  ).option("--device", "use a code on any device instead of a page on this machine");
  addCommand(program, "authorizations", "list the authorized organizations", async (context) =>
    (await import("./authorizations.js")).listAuthorizations(context),
  );
  addCommand(
    program,
    "revoke",
    "revoke the authorization of an organization",
    async (context, [orgId = ""]) => (await import("./authorizations.js")).revoke(context, orgId),
  ).argument("<orgId>", "the organization's ID as listed by `authorizations`");
  addCommand(program, "import", "import a grant as JSON from stdin", async (context) =>
    (await import("./authorizations.js")).importGrant(context),
  );

  const secret = program
    .command("secret")
    .description("store a secret in the keychain: client or proxy")
    .helpCommand(false);
  addCommand(
    secret,
    "client",
    "store the client ID and secret of the Webex integration; prompts or reads two lines from stdin",
    async (context) => (await import("./secret.js")).storeClient(context),
  );
  addCommand(
    secret,
    "proxy",
    "store the password of the proxy; prompts or reads one line from stdin, an empty one deletes it",
    async (context) => (await import("./secret.js")).storeProxyPassword(context),
  );

  addCommand(
    program,
    "doctor",
    "check everything that presence depends on and suggest fixes",
    async (context) => (await import("./doctor.js")).doctor(context),
  )
    .option(
      "--installation",
      "check the product's folder instead; needs no settings and no network",
    )
    .addOption(logDirOption());
  addCommand(program, "status", "show the status of the running worker", async (context) =>
    context.options.watch === true
      ? (await import("./status-watch.js")).watchStatus(context)
      : (await import("./status.js")).status(context),
  )
    .option("--watch", "update it every second until you stop the command")
    .addOption(logDirOption());
  addCommand(
    program,
    "dashboard",
    "print the address of the running worker's dashboard",
    async (context) => (await import("./dashboard.js")).dashboard(context),
  ).addOption(logDirOption());
  addCommand(
    program,
    "support-bundle",
    "write a zip for support: logs, status, settings, findings; no secrets, no names of persons",
    async (context) => (await import("./support-bundle.js")).supportBundle(context),
  )
    .option("--out <file>", "the file to write; it must not exist")
    .addOption(logDirOption());
  addCommand(
    program,
    "watch",
    "launch a worker and show live presence; with --json, print it once",
    async (context, uris) => (await import("./watch.js")).watch(context, uris),
  ).argument("[uri...]", "the addresses to watch (default: everyone)");
  addHostCheck(program);
  return program;
}

/** It has no settings of its own: each host that it starts gets the path of a temporary file. */
function addHostCheck(program: Command): void {
  const command = program
    .command("check-host")
    .usage("[options] -- <host...>")
    .description(
      "check a host, started by a command, against workers that misbehave; {manifest} and {settings} in the command are replaced by paths",
    )
    .argument("[host...]", "the command that starts the host, with its arguments")
    .option("--json", "print the result as one JSON object")
    .option("--list", "list the requirements instead")
    .option("--only <id,...>", "check only these requirements", collect)
    .option("--jobs <n>", "how many hosts run at a time", "4");
  command.action(() =>
    runCommand(
      { secretStore: "memory", ...command.opts<Partial<CommandOptions>>() },
      async (context) =>
        (await import("./check-host/check-host.js")).checkHost(context, command.args),
    ),
  );
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

function logDirOption(): Option {
  return new Option("--log-dir <dir>", "the worker's log folder, if it is not the default one");
}

function addCommand(
  parent: Command,
  name: string,
  description: string,
  handler: CommandHandler,
): Command {
  const command = parent
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
  return command.action(() =>
    runCommand(command.opts<CommandOptions>(), (context) => handler(context, command.args)),
  );
}

/** The value of a mistyped option may be a secret. */
function describeUsageError(text: string): string {
  const lines = text.replace(/(--?[\w-]+)=[^'\n]*/g, "$1=…").split("\n");
  return lines.map(toPrintable).join("\n");
}
