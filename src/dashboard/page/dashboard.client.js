/* global fetch */
"use strict";
(() => {
  const show = async () => {
    const response = await fetch("/people?limit=50");
    document.getElementById("people").textContent = await response.text();
  };
  new EventSource("/events").onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.kind === "status") {
      document.querySelector("[data-testid=phase]").textContent = event.status.phase;
      document.getElementById("status").textContent = JSON.stringify(event, null, 2);
    }
    if (event.kind === "people") void show();
  };
})();
