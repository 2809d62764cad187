"""The fonts of the decks: each deck carries its own, so that it looks the same on every machine.

In: the node_modules that package-lock.json fills. Out: the theme with the fonts in it as data, so that a deck is one
file that needs nothing beside it.
Knows which faces theme.css asks for; knows nothing about decks.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from slides.woff import characters


@dataclass(slots=True, frozen=True)
class Face:
    """One font file. `family`, `weight` and `style` are how theme.css and the pictures ask for it."""

    family: str
    package: str
    weight: int = 400
    style: str = "normal"

    def file(self, modules: Path, form: str) -> Path:
        """`form` is woff or woff2. The decks are written in Latin letters; DejaVu's file has the symbols as well."""
        name = f"{self.package}-latin-{self.weight}-{self.style}.{form}"
        return modules / "node_modules" / "@fontsource" / self.package / "files" / name


# Single weights, not a variable font: Chromium cannot put a variable font into a PDF as a font.
FACES = (
    Face("Inter", "inter", 400),
    Face("Inter", "inter", 600),
    Face("Inter", "inter", 700),
    Face("JetBrains Mono", "jetbrains-mono", 400),
    Face("JetBrains Mono", "jetbrains-mono", 400, "italic"),
    Face("JetBrains Mono", "jetbrains-mono", 700),
    Face("DejaVu Mono", "dejavu-mono", 400),  # arrows, boxes, check marks, mathematics, which the other two lack
)


def write_theme(theme: Path, modules: Path, target: Path) -> Path:
    """Write the theme to `target`, followed by the fonts. `modules` is the folder that has node_modules."""
    rules = [_font_face(face, face.file(modules, "woff2")) for face in FACES]
    target.write_text("\n".join([theme.read_text(encoding="utf-8"), *rules]) + "\n", encoding="utf-8")
    return target


def drawable(modules: Path) -> set[str]:
    """The characters that a deck can show, because one of its fonts has them."""
    return set().union(*(characters(face.file(modules, "woff").read_bytes()) for face in FACES))


def _font_face(face: Face, file: Path) -> str:
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return (
        f'@font-face {{ font-family: "{face.family}"; font-weight: {face.weight}; font-style: {face.style}; '
        f'src: url("data:font/woff2;base64,{data}") format("woff2"); }}'
    )
