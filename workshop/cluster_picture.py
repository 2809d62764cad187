"""The picture of the cluster, which the deck of demo 6 and the docs share; in the docs it also fits dark pages.

In: slides/pictures/demo_6_path.svg. Out: docs/cluster.svg, the same drawing with other colours where a reader prefers
dark pages. `make reference` writes it. A slide is always light, so the deck shows the drawing as it is.
"""

from workshop.processes import ROOT

DRAWN, PICTURE = ROOT / "slides" / "pictures" / "demo_6_path.svg", ROOT / "docs" / "cluster.svg"
# By the colour in the drawing. White is paper in a box, and stays white as the colour of letters.
DARK = {
    "#18212f": "#e6edf3",
    "#141d2b": "#30363d",
    "#55606f": "#9198a1",
    "#0a6a6e": "#3fb9b1",
    "#e3f0ee": "#0f2a2a",
    "#a0cbc7": "#1c4a4a",
    "#f3e9c8": "#3a2f10",
    "#a8801d": "#d4a72c",
    "#b4440f": "#f0883e",
}
KINDS = ("fill", "stroke")
PAPER = "rect[fill='#ffffff'] { fill: #0d1117 }"


def main() -> None:
    PICTURE.write_text(picture())


def picture() -> str:
    rules = [PAPER, *(f"[{kind}='{light}'] {{ {kind}: {dark} }}" for light, dark in DARK.items() for kind in KINDS)]
    style = "\n".join(["<style>@media (prefers-color-scheme: dark) {", *rules, "}</style>"])
    head, opened, rest = DRAWN.read_text().partition(">\n")
    return f"{head}{opened}{style}\n{rest}"
