"""`python -m serving.kubernetes`: copy into the manifests what is defined elsewhere, so that it is defined once.

In: Prometheus' rules, and Serve's config files. Out: base/rules.yaml, and the last value of each ray-service.yaml. It
is all handled as text, so comments survive. A test compares the copies with their sources.
"""

from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
RULES = FOLDER.parent / "monitoring" / "prometheus" / "rules"
RAY_SERVE = FOLDER.parent / "ray_serve"

RULES_HEAD = """\
# serving/monitoring/prometheus/rules for the Prometheus operator. Made by `python -m serving.kubernetes`: change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: llm
spec:
  groups:
"""


def rendered() -> Iterator[tuple[Path, str]]:
    """Each generated file, and its content."""
    yield FOLDER / "base" / "rules.yaml", _rules()
    for folder, config in (("base", "gpu.yaml"), ("cpu", "laptop.yaml")):
        file = FOLDER / folder / "ray-service.yaml"
        yield file, _with_config(file.read_text(), _unmarked((RAY_SERVE / config).read_text()))


def _rules() -> str:
    groups = [file.read_text().partition("\ngroups:\n")[2] for file in sorted(RULES.glob("*.yml"))]
    return RULES_HEAD + "\n".join(_indented(group, 2) for group in groups)


def _with_config(manifest: str, config: str) -> str:
    """The config stands at the end, under the only key whose value is a block of text."""
    before, mark, _ = manifest.partition(": |\n")
    return before + mark + _indented(config, 4)


def _unmarked(config: str) -> str:
    """The config without the region markers for slides."""
    return "".join(line for line in config.splitlines(keepends=True) if "region: " not in line)


def _indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}" if line.strip() else line for line in text.splitlines(keepends=True))


def main() -> None:
    for file, text in rendered():
        file.write_text(text)


if __name__ == "__main__":
    main()
