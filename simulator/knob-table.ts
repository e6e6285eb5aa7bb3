import { KNOBS, type KnobDefinition } from "./knobs.js";

/** The knobs as the Markdown table of docs/simulator.md. */
export function knobTable(): string {
  const rows = Object.entries<KnobDefinition>(KNOBS).map(([name, knob]) => {
    const values =
      knob.choices?.map((choice) => `\`${String(choice)}\``).join(", ") ?? typeof knob.initial;
    const initial = knob.initial === "" ? "(empty)" : `\`${String(knob.initial)}\``;
    return `| \`${name}\` | ${values} | ${initial} | ${knob.description} |`;
  });
  return [
    "| knob | values | at the start | what it does |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
