/** The page's look: the system's own fonts, no file from anywhere, readable from 320 px, light and dark. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f9; --card: #ffffff; --line: #d9dee6; --text: #18202b; --quiet: #566173;
  --accent: #0a5ad0; --accent-strong: #0848a8; --on-accent: #ffffff; --code: #eef1f5;
  --good: #14743b; --good-ground: #e8f6ed; --caution: #8a5200; --caution-ground: #fdf3e1; --bad: #b3261e; --bad-ground: #fdecea;
  --busy: #0a5ad0; --busy-ground: #e9f1fd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f141b; --card: #181f29; --line: #2e3846; --text: #e8edf4; --quiet: #a3afbf;
    --accent: #7db2ff; --accent-strong: #a5caff; --on-accent: #0b1420; --code: #232c38;
    --good: #6fd596; --good-ground: #14291d; --caution: #f1bd6c; --caution-ground: #2d2413; --bad: #ff9d94; --bad-ground: #331b1a;
    --busy: #7db2ff; --busy-ground: #15243a;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; overflow-wrap: anywhere; }
header, main, footer { max-width: 46rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; padding-bottom: 1.25rem; }
footer { padding-bottom: 2.5rem; color: var(--quiet); font-size: .875rem; }
.lost { max-width: 43.5rem; margin: 0 auto 1rem; padding: .75rem 1.25rem; border: 1px solid var(--caution); border-radius: .75rem; background: var(--caution-ground); }
.product { display: flex; align-items: center; gap: .5rem; margin: 0 0 .5rem; color: var(--quiet); font-size: .875rem; font-weight: 600; }
.product svg { flex: none; width: 1.25rem; height: 1.25rem; color: var(--accent); }
h1 { margin: 0; font-size: clamp(1.375rem, 5vw, 1.75rem); line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 0 0 .5rem; font-size: 1.0625rem; line-height: 1.35; }
h3 { margin: 1.25rem 0 .375rem; font-size: .875rem; color: var(--quiet); }
p { margin: 0 0 .5rem; }
p:last-child { margin-bottom: 0; }
main > section { margin-bottom: 1rem; }
.card { padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
.quiet { color: var(--quiet); font-size: .875rem; }
.state { display: flex; gap: .875rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-left: 4px solid var(--tone); border-radius: .75rem; background: var(--tone-ground); --tone: var(--quiet); --tone-ground: var(--card); }
.state h2 { margin-bottom: .125rem; }
.state.good { --tone: var(--good); --tone-ground: var(--good-ground); }
.state.busy { --tone: var(--busy); --tone-ground: var(--busy-ground); }
.state.caution { --tone: var(--caution); --tone-ground: var(--caution-ground); }
.state.bad { --tone: var(--bad); --tone-ground: var(--bad-ground); }
.mark { flex: none; width: 1.375rem; height: 1.375rem; border-radius: 50%; border: 2px solid var(--tone); color: var(--tone); font: 700 .8125rem/1.125rem system-ui, sans-serif; text-align: center; }
.neutral .mark::before { content: "i"; }
.good .mark::before { content: "\\2713"; }
.caution .mark::before, .bad .mark::before { content: "!"; }
.busy .mark { border-right-color: transparent; }
@media (prefers-reduced-motion: no-preference) {
  .busy .mark { animation: turn 1.2s linear infinite; }
  @keyframes turn { to { transform: rotate(1turn); } }
}
.said { margin-top: .5rem; padding-left: .75rem; border-left: 2px solid var(--line); color: var(--quiet); font-size: .875rem; }
.notice { padding: .75rem 1.25rem; margin-bottom: .5rem; border: 1px solid var(--line); border-left: 4px solid var(--caution); border-radius: .75rem; background: var(--card); font-size: .9375rem; }
.notice.error { border-left-color: var(--bad); }
.rows, .scopes { margin: 0; padding: 0; list-style: none; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.25rem; padding: .875rem 0; border-top: 1px solid var(--line); }
.row:first-child { border-top: 0; padding-top: .25rem; }
.row:last-child { padding-bottom: .25rem; }
.who { flex: 1 1 16rem; min-width: 0; }
.name { margin-right: .375rem; }
.badge { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; color: var(--quiet); font-size: .75rem; font-weight: 600; line-height: 1.25rem; white-space: nowrap; }
.badge.good { color: var(--good); }
.badge.caution { color: var(--caution); }
dl { margin: .375rem 0 0; font-size: .875rem; }
dl div { display: flex; flex-wrap: wrap; gap: 0 .5rem; }
dt { flex: 0 0 6.5rem; color: var(--quiet); }
dd { flex: 1 1 10rem; margin: 0; }
.scopes li { position: relative; padding: .125rem 0 .125rem 1.25rem; }
.scopes li::before { content: ""; position: absolute; left: .25rem; top: .75rem; width: .375rem; height: .375rem; border-radius: 50%; background: var(--accent); }
.scopes + p { margin-top: .5rem; }
code { padding: .0625rem .3125rem; border-radius: .25rem; background: var(--code); font: .8125rem/1.5 ui-monospace, Consolas, "SF Mono", Menlo, monospace; }
.scopes code { white-space: nowrap; }
code.long { display: inline-block; max-width: 100%; user-select: all; }
ol { margin: 0; padding-left: 1.375rem; }
ol li { padding: .125rem 0; }
.finish { display: flex; flex-wrap: wrap; align-items: center; gap: .875rem 1.25rem; }
.finish > div { flex: 1 1 14rem; }
.finish p { margin: 0; }
.clock { font-variant-numeric: tabular-nums; }
.button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: .5rem 1.25rem; border: 1px solid var(--accent); border-radius: .5rem; font: inherit; font-size: .9375rem; font-weight: 650; letter-spacing: .02em; text-align: center; text-decoration: none; cursor: pointer; }
.button.first { background: var(--accent); color: var(--on-accent); }
.button.first:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
.button.second { background: transparent; color: var(--accent); }
.button.second:hover { background: var(--busy-ground); }
.button:disabled { border-color: var(--line); background: transparent; color: var(--quiet); cursor: not-allowed; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }
.button:focus-visible { border-radius: .5rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; padding: .25rem .5rem; background: var(--card); }
@media (max-width: 30rem) {
  header, main, footer { padding-left: .875rem; padding-right: .875rem; }
  header { padding-top: 1.25rem; }
  .card { padding: 1rem; }
  .button, .finish form { width: 100%; }
  .scopes code { font-size: .75rem; }
  dl div { display: block; margin-bottom: .25rem; }
}
`;
