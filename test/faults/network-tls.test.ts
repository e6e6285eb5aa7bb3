import { describeFaults } from "../support/fault-harness.js";
import { untilServerIsRight } from "../support/tls-fixture.js";

describeFaults("TLS", [
  untilServerIsRight(
    {
      fault: "The certificate of Webex has expired",
      made: "the server presents an expired certificate of the trusted authority",
      shown: "`webexUnreachable` with the certificate, its dates, and a clock that may be wrong",
    },
    (all) => all.expired,
    /has expired, or this machine's clock is wrong/,
  ),
  untilServerIsRight(
    {
      fault: "The certificate of Webex is for another name",
      made: "the server presents a certificate of the trusted authority for another host",
      shown: "`webexUnreachable` with the name in the certificate",
    },
    (all) => all.otherName,
    /certificate is for another name \(elsewhere\.example\)/,
  ),
  untilServerIsRight(
    {
      fault: "Webex presents a self-signed certificate",
      made: "the server presents a certificate that it has issued itself",
      shown: "`webexUnreachable`: issued by itself; no request is sent",
    },
    (all) => all.selfSigned,
    /was issued by itself/,
  ),
  untilServerIsRight(
    {
      fault: "The environment switches off the verification of certificates",
      made: "NODE_TLS_REJECT_UNAUTHORIZED=0, and the server presents a self-signed certificate",
      shown: "a warning in the log, and `webexUnreachable`: no request is sent",
    },
    (all) => all.selfSigned,
    /was issued by itself/,
    {
      env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      log: "ignores that and verifies the certificates",
    },
  ),
]);
