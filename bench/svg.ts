/** The styles of all plots, for light and dark pages. */
export const PLOT_STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px } .soft { fill: #59636e }
  .axis { stroke: #d1d9e0 } .bound { stroke: #bc4c00; stroke-dasharray: 4 3 } .boundText { fill: #bc4c00 }
  .theirs { fill: #818b98; stroke: #818b98 } .ours { fill: #0969da; stroke: #0969da } .bar { fill-opacity: .22; stroke: none }
  .dot { fill-opacity: .5; stroke: none } .median { stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .soft { fill: #9198a1 } .axis { stroke: #3d444d } .bound { stroke: #f0883e } .boundText { fill: #f0883e }
    .theirs { fill: #9198a1; stroke: #9198a1 } .ours { fill: #4493f8; stroke: #4493f8 }
  }`;

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
