import { parseArgs } from "node:util";
import { WebexSimulator } from "./webex-simulator.js";

const USAGE = `Usage: npm run simulator -- [options]
  --port <n>           port on 127.0.0.1 (8080)
  --host <address>     address to listen on (127.0.0.1)
  --persons <n>        persons of each organization (500)
  --organizations <n>  how many organizations (1)
  --limit <n>          requests per minute and organization, 0 = none (300)
  --speed <n>          how fast the offices' day runs, 0 = it stands still (60)
  --seed <n>           another cast of people (1)
  --client-id <id> --client-secret <secret>   the integration (random)
  --redirect-uri <uri> where its flows may come back (http://localhost:8467/oauth/callback)`;

const ORGANIZATION_NAMES = [
  "Northwind Trading",
  "Contoso Health",
  "Fabrikam Energy",
  "Tailspin Toys",
  "Litware Bank",
];

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`--${name} takes a whole number, not "${text}".`);
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
  const organizations = Array.from(
    { length: wholeNumber("organizations", values.organizations) },
    (_, index) => ({
      name: ORGANIZATION_NAMES[index] ?? `Organization ${index + 1}`,
      domain: `org${index + 1}.example`,
      persons,
      seed: seed * 1000 + index,
    }),
  );
  const clientId = values["client-id"];
  const clientSecret = values["client-secret"];
  const redirectUris = values["redirect-uri"];
  return new WebexSimulator({
    organizations,
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
  const organizations = webex.organizations.map((organization) => {
    const { refreshToken, accessToken, expiresIn, refreshTokenExpiresIn, scope } = webex.issueGrant(
      {
        orgIndex: organization.index,
      },
    );
    const grant = JSON.stringify({
      refreshToken,
      accessToken,
      expiresIn,
      refreshTokenExpiresIn,
      scope,
    });
    const [exampleAddress] =
      webex.people(organization.index)[1]?.emails ??
      webex.people(organization.index)[0]?.emails ??
      [];
    return `
${organization.name}: ${webex.people(organization.index).length} persons, ${exampleAddress ?? ""} for one
  for authorization/import: ${grant}`;
  });
  return `Simulated Webex is listening.

API address    ${webex.apiUrl}     (WebexPresence.ApiUrl)
Client id      ${webex.client.clientId}
Client secret  ${webex.client.clientSecret}
Knobs          ${url}/simulator/knobs
Requests       ${url}/simulator/requests
${organizations.join("\n")}

Ctrl+C ends it.`;
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
    console.error(
      `The simulator cannot listen on ${listenOptions.host}:${listenOptions.port} (${(error as NodeJS.ErrnoException).code ?? "?"}): choose another --port.`,
    );
    process.exitCode = 1;
    return;
  }
  const stop = (): void => void webex.stop();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

await main();
