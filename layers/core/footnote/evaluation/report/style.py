"""The style sheet of the report: light and dark, from a phone's width on."""

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--soft:#57606a;--grid:#e3e6ea;--line:#8c959f;
--mark:#0b6bcb;--range:#6fb1f5;--clear:#1a7f37;--bad:#b3261e;--box:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--ground:#0f1318;--text:#e6edf3;--soft:#9da7b3;--grid:#262d36;
--line:#6e7781;--mark:#6cb6ff;--range:#316dca;--clear:#57ab5a;--bad:#ff8a80;--box:#171c23}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--ground);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--grid);padding-bottom:.2rem}
h3{font-size:1rem;margin:1rem 0 .3rem}
p{margin:.4rem 0}
.soft,figcaption{color:var(--soft);font-size:.9rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.2rem}
figure{margin:0;min-width:0}
figcaption{margin-bottom:.2rem;font-weight:600}
svg{display:block;width:100%;max-width:34rem;height:auto}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--soft)}
svg text.value{fill:var(--text);font-variant-numeric:tabular-nums}
.grid{stroke:var(--grid)}.axis{stroke:var(--line)}.zero{stroke:var(--text)}
.range{stroke:var(--range);stroke-width:5}
.clear{stroke:var(--clear);stroke-width:5}
.dot{fill:var(--mark);stroke:var(--ground);stroke-width:1}
.bar{fill:var(--mark)}.last{fill:var(--bad)}
.curve{fill:none;stroke:var(--mark);stroke-width:2}
.chance{fill:none;stroke:var(--line);stroke-dasharray:4 4}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child,td:first-child{text-align:left}
td.words{white-space:normal;min-width:12rem;text-align:left;color:var(--soft)}
thead th{color:var(--soft);font-weight:600}
tbody th{font-weight:500}
dl{display:grid;grid-template-columns:fit-content(40%) 1fr;gap:.1rem .8rem;margin:.6rem 0}
dt{color:var(--soft)}dd{margin:0;min-width:0}
details{border:1px solid var(--grid);border-radius:.4rem;margin:.5rem 0;background:var(--box)}
summary{padding:.5rem .7rem;cursor:pointer}
details>div{padding:0 .7rem .6rem}
.passed{color:var(--clear)}.failed{color:var(--bad)}
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
@media (max-width:40rem){table{font-size:.85rem}th,td{padding:.25rem .45rem}}
@media print{details>div{display:block}}
"""
