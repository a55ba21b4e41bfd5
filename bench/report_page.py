# SPDX-License-Identifier: Apache-2.0
"""The page that `report --html` writes: one file, plots in it as SVG, a plot for each bench."""
import html
import io
import re

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402 (the line above comes first)
from matplotlib.ticker import FuncFormatter, LogLocator  # noqa: E402

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-size: 90%; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .7rem; text-align: left }
th { background: #f4f4f4 }
td { font-variant-numeric: tabular-nums }
tr.holds td:last-child { color: #107030 } tr.MISSED td:last-child { color: #b01010 }
tr.NOT td:last-child { color: #806000 }
svg { max-width: 100%; height: auto }
"""
COLOURS = {"cleat": "#1f4e9c", "openblas": "#d9541e", "onednn-nchw": "#2d8a4e",
           "onednn-own": "#7fb13d", "clblast": "#9a5ab5", "pytorch": "#c2185b", "peak": "#555555",
           "copy": "#8a7a2d", "opencl": "#00838f"}
OTHER_COLOUR = "#999999"

pyplot.rcParams.update({"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
                        "axes.spines.right": False, "font.family": "sans-serif"})


def colour(name):
    return COLOURS.get(name, OTHER_COLOUR)


def spread_out(axis, values):
    """A logarithmic axis where the values differ much."""
    if max(values) > 8 * min(values):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axis.grid(axis="x", color="#e4e4e4")


def plot_figures(axis, rows, places):
    """What Cleat and each peer reached, in the unit."""
    own = {row.case: row.cleat for row in rows}
    axis.scatter(list(own.values()), [places[case] for case in own], color=colour("cleat"),
                 label="cleat", zorder=3, s=28)
    for peer in dict.fromkeys(row.peer for row in rows if row.peer is not None):
        of_peer = [row for row in rows if row.peer == peer]
        axis.scatter([row.peer_value for row in of_peer], [places[row.case] for row in of_peer],
                     color=colour(peer), label=peer, marker="D", s=16, zorder=2)
    spread_out(axis, list(own.values()) + [row.peer_value for row in rows if row.peer])
    axis.set_xlabel(", ".join(dict.fromkeys(row.unit for row in rows)))


def plot_ratios(axis, rows, places, bars):
    """The ratio to each peer: median, and from the least to the greatest of the runs."""
    for row in rows:
        place = places[row.case]
        axis.plot([row.low, row.high], [place, place], color=colour(row.peer), linewidth=2)
        axis.scatter([row.ratio], [place], color=colour(row.peer), marker="D", s=16, zorder=2)
    axis.axvline(1, color="#333333", linewidth=0.8)
    for peer, least in bars:
        axis.axvline(least, color=colour(peer), linewidth=0.8, linestyle=":")
    spread_out(axis, [row.ratio for row in rows] + [1])
    axis.set_xlabel("ratio (more is better); dotted: wanted of each case")


def whole_bench_bars(bench, bars):
    wanted = [bar for bar in bars
              if bar["bench"] == bench and "least" in bar and "cases" not in bar]
    return [(one["peer"], one["least"]) for bar in wanted for one in [bar] + bar.get("or", [])]


def plot(bench, rows, bars):
    """The SVG of one bench."""
    cases = list(dict.fromkeys(row.case for row in rows))
    places = {case: place for place, case in enumerate(cases)}
    compared = [row for row in rows if row.peer is not None]
    pyplot.rcParams["svg.hashsalt"] = bench  # the same identifiers each time
    figure, axes = pyplot.subplots(1, 2 if compared else 1, sharey=True, squeeze=False,
                                   figsize=(11, 1.6 + 0.22 * len(cases)), layout="constrained")
    plot_figures(axes[0][0], rows, places)
    if compared:
        plot_ratios(axes[0][1], compared, places, whole_bench_bars(bench, bars))
    axes[0][0].set_yticks(range(len(cases)), labels=cases)
    axes[0][0].set_ylim(len(cases) - 0.5, -0.5)
    axes[0][0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=8, frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return inline(text.getvalue(), bench)


def inline(svg, bench):
    """Only the element, its identifiers made different from those of other plots."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r'\bid="', f'id="{bench}-', svg)
    return re.sub(r'(href="|url\()#', rf"\1#{bench}-", svg)


def table_html(table):
    head, cells = table
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "</tr>"]
    for line in cells:
        mark = html.escape(line[-1].split(" ")[0]) if head[-1] == "" else ""
        lines.append(f'<tr class="{mark}">' +
                     "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>\n"


def page(parts, rows, bars):
    """The whole page: the tables of `parts`, the plots after the first."""
    blocks = [f"<h2>{html.escape(title)}</h2>\n{table_html(table)}" for title, table in parts]
    plots = []
    for bench in dict.fromkeys(row.bench for row in rows):
        svg = plot(bench, [row for row in rows if row.bench == bench], bars)
        plots.append(f"<h3>{html.escape(bench)}</h3>\n{svg}")
    blocks.insert(1, "<h2>Plots</h2>\n" + "\n".join(plots))
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>cleat-bench</title><style>{STYLE}</style></head>\n<body>\n"
            "<h1>What cleat-bench measured</h1>\n" + "\n".join(blocks) + "</body></html>\n")
