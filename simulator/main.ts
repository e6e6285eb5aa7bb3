import { parseArgs } from "node:util";
import { invocation } from "./invocation.js";
import { WebexSimulator } from "./webex-simulator.js";

const USAGE = `Usage: ${invocation("simulator")} [options]
  --port <n>           port to listen on (8080)
  --host <address>     address to listen on (127.0.0.1)
  --persons <n>        persons per organization (500)
  --organizations <n>  number of organizations (1)
  --limit <n>          requests per minute and organization, 0 = no limit (300)
  --speed <n>          speed of simulated time, 0 = stopped (60)
  --seed <n>           seed for generating people (1)
  --client-id <id> --client-secret <secret>   credentials of the integration (random)
  --redirect-uri <uri> redirect URI of the integration (http://localhost:8467/oauth/callback)
                       can be given several times`;

const ORGANIZATION_NAMES = [
  "Northwind Trading",
  "Contoso Health",
  "Fabrikam Energy",
  "Tailspin Toys",
  "Litware Bank",
];

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`--${name} must be a whole number, not "${text}".`);
  return Number(text);
}

function readOptions() {
  const text = { type: "string" } as const;
  return parseArgs({
    options: {
      port: { ...text, default: "8080" },
      host: { ...text, default: "127.0.0.1" },
      persons: { ...text, default: "500" },
      organizations: { ...text, default: "1" },
      limit: { ...text, default: "300" },
      speed: { ...text, default: "60" },
      seed: { ...text, default: "1" },
      "client-id": text,
      "client-secret": text,
      "redirect-uri": { ...text, multiple: true },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function createSimulator(values: ReturnType<typeof readOptions>): WebexSimulator {
  const seed = wholeNumber("seed", values.seed);
  const persons = wholeNumber("persons", values.persons);
  const count = wholeNumber("organizations", values.organizations);
  const clientId = values["client-id"];
  const clientSecret = values["client-secret"];
  const redirectUris = values["redirect-uri"];
  return new WebexSimulator({
    organizations: Array.from({ length: count }, (_, index) => ({
      name: ORGANIZATION_NAMES[index] ?? `Organization ${index + 1}`,
      domain: `org${index + 1}.example`,
      persons,
      seed: seed * 1000 + index,
    })),
    client: {
      ...(clientId === undefined ? {} : { clientId }),
      ...(clientSecret === undefined ? {} : { clientSecret }),
      ...(redirectUris === undefined ? {} : { redirectUris }),
    },
    requestsPerMinute: wholeNumber("limit", values.limit),
    speed: wholeNumber("speed", values.speed),
  });
}

function banner(webex: WebexSimulator, url: string): string {
  const organizations = webex.organizations.map(({ index, name }) => {
    const { orgId: _orgId, ...grant } = webex.issueGrant({ orgIndex: index });
    const people = webex.people(index);
    const [exampleAddress = ""] = (people[1] ?? people[0])?.emails ?? [];
    return `
${name}: ${people.length} persons, such as ${exampleAddress}
  for authorization/import: ${JSON.stringify(grant)}`;
  });
  return `The simulated Webex is listening.

API address    ${webex.apiUrl}     (WebexPresence.ApiUrl)
Client ID      ${webex.client.clientId}
Client secret  ${webex.client.clientSecret}
Knobs          ${url}/simulator/knobs
Requests       ${url}/simulator/requests
${organizations.join("\n")}

Press Ctrl+C to stop.`;
}

async function main(): Promise<void> {
  let webex: WebexSimulator;
  let listenOptions: { host: string; port: number };
  try {
    const values = readOptions();
    if (values.help) {
      console.log(USAGE);
      return;
    }
    webex = createSimulator(values);
    listenOptions = { host: values.host, port: wholeNumber("port", values.port) };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  try {
    const { url } = await webex.start(listenOptions);
    console.log(banner(webex, url));
  } catch (error) {
    await webex.stop();
    const { host, port } = listenOptions;
    const code = (error as NodeJS.ErrnoException).code ?? "?";
    console.error(`Cannot listen on ${host}:${port} (${code}). Choose another --port.`);
    process.exitCode = 1;
    return;
  }
  const stop = (): void => void webex.stop();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

await main();
