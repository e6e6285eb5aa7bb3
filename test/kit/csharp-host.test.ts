import { existsSync } from "node:fs";

import { compileCSharpHost, MONO_POSIX, NEWTONSOFT_JSON } from "../support/example-host-fixture.js";
import { describeExampleHost } from "../support/example-host-contract.js";
import { requirePart, requireTool } from "../support/required-tool-fixture.js";

describeExampleHost("kit: the host in C#", (context) => {
  requireTool(context, "mcs", "mono-mcs");
  requireTool(context, "mono", "mono-runtime");
  const hasJson = existsSync(NEWTONSOFT_JSON);
  requirePart(context, hasJson, "Newtonsoft.Json", "libnewtonsoft-json-cil-dev");
  requirePart(context, existsSync(MONO_POSIX), "Mono.Posix", "libmono-posix4.0-cil");
  return compileCSharpHost();
});
