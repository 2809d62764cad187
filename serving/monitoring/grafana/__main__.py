"""`python -m serving.monitoring.grafana`: write the dashboards into dashboards/ again."""

import json
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from serving.monitoring.grafana.cache_and_resilience import cache_and_resilience
from serving.monitoring.grafana.engine import engine
from serving.monitoring.grafana.limits_and_cost import limits_and_cost
from serving.monitoring.grafana.overview import overview

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = (overview, limits_and_cost, cache_and_resilience, engine)


def rendered() -> Iterator[tuple[Path, str]]:
    """Each dashboard's file, and its content."""
    for dashboard in DASHBOARDS:
        text = json.dumps(dashboard(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
        yield FOLDER / f"{dashboard.__name__}.json", f"{text}\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for file, text in rendered():
        file.write_text(text)


if __name__ == "__main__":
    main()
