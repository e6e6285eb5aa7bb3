// The page works without this script. With it, the page updates as the worker sends changes, counts
// down, shows dates in the format of the reader's locale, and reports a lost connection.
"use strict";
(() => {
  const parser = new DOMParser();
  /** The HTML of each part as the worker sent it last, by the name of the part. */
  const received = new Map();
  let closesAt = 0;

  const localizeDates = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const date = new Date(time.dateTime);
      time.textContent = date.toLocaleDateString(undefined, { dateStyle: "long" });
    }
  };

  const startCountdown = (root) => {
    const clock = root.querySelector("[data-remaining]");
    if (clock) closesAt = performance.now() + Number(clock.dataset.remaining) * 1000;
  };

  const updateCountdown = () => {
    const clock = document.querySelector("[data-remaining]");
    if (!clock) return;
    const seconds = Math.max(0, Math.round((closesAt - performance.now()) / 1000));
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };

  const updatePart = (part) => {
    const name = part.dataset.part;
    const current = document.querySelector(`[data-part="${name}"]`);
    if (!current || received.get(name) === part.outerHTML) return;
    received.set(name, part.outerHTML);
    for (const attribute of current.getAttributeNames()) {
      if (!part.hasAttribute(attribute)) current.removeAttribute(attribute);
    }
    for (const { name: attribute, value } of part.attributes) {
      if (current.getAttribute(attribute) !== value) current.setAttribute(attribute, value);
    }
    current.replaceChildren(...part.childNodes);
    localizeDates(current);
    startCountdown(current);
  };

  const update = (html) => {
    const focused = document.activeElement?.id;
    const parts = parser.parseFromString(html, "text/html").querySelectorAll("[data-part]");
    for (const part of parts) updatePart(part);
    if (focused && document.activeElement?.id !== focused) {
      document.getElementById(focused)?.focus();
    }
    updateCountdown();
  };

  for (const part of document.querySelectorAll("[data-part]")) {
    received.set(part.dataset.part, part.outerHTML);
  }
  localizeDates(document);
  startCountdown(document);
  const countdown = setInterval(updateCountdown, 1000);

  const lost = document.getElementById("lost");
  const source = new EventSource(document.body.dataset.events);
  source.onopen = () => {
    lost.hidden = true;
  };
  source.onerror = () => {
    lost.hidden = false;
  };
  source.onmessage = (event) => {
    update(event.data);
    if (document.querySelector('[data-final="yes"]') === null) return;
    source.close();
    clearInterval(countdown);
    lost.hidden = true;
  };
})();
