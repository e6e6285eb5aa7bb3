/**
 * What the page's script does, and nothing without which the page would not work: it exchanges the parts the server sends anew,
 * counts down, writes dates the way the reader does, and says when the worker is gone.
 */
export const PAGE_SCRIPT = `"use strict";
(() => {
  const parser = new DOMParser();
  const served = new Map();
  let closesAt = 0;

  const adopt = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      time.textContent = new Date(time.dateTime).toLocaleDateString(undefined, { dateStyle: "long" });
    }
    const clock = root.querySelector("[data-remaining]");
    if (clock) closesAt = performance.now() + Number(clock.dataset.remaining) * 1000;
  };

  const countDown = () => {
    const clock = document.querySelector("[data-remaining]");
    if (!clock) return;
    const left = Math.max(0, Math.round((closesAt - performance.now()) / 1000));
    clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
  };

  const exchange = (part) => {
    const here = document.querySelector('[data-part="' + part.dataset.part + '"]');
    if (!here || served.get(part.dataset.part) === part.outerHTML) return;
    served.set(part.dataset.part, part.outerHTML);
    for (const name of here.getAttributeNames()) if (!part.hasAttribute(name)) here.removeAttribute(name);
    for (const { name, value } of part.attributes) if (here.getAttribute(name) !== value) here.setAttribute(name, value);
    here.replaceChildren(...part.childNodes);
    adopt(here);
  };

  const show = (text) => {
    const focused = document.activeElement && document.activeElement.id;
    for (const part of parser.parseFromString(text, "text/html").querySelectorAll("[data-part]")) exchange(part);
    if (focused && document.activeElement.id !== focused) document.getElementById(focused)?.focus();
    countDown();
  };

  for (const part of document.querySelectorAll("[data-part]")) served.set(part.dataset.part, part.outerHTML);
  adopt(document);
  const counting = setInterval(countDown, 1000);

  const lost = document.getElementById("lost");
  const source = new EventSource(document.body.dataset.events);
  source.onopen = () => { lost.hidden = true; };
  source.onerror = () => { lost.hidden = false; };
  source.onmessage = (event) => {
    show(event.data);
    if (document.querySelector('[data-final="yes"]') === null) return;
    source.close();
    clearInterval(counting);
    lost.hidden = true;
  };
})();
`;
