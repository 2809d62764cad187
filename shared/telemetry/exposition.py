"""The page that Prometheus scrapes: all metrics of the service, of one process or of all its workers.

Its size is bounded, because labels are: at most MOST_BYTES. A thread makes one page at a time, so requests go on,
however many clients ask and however large the page is.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import REGISTRY, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from shared.process.write_behind import write
from shared.telemetry.multiprocess import FOLDER
from shared.telemetry.totals import derived

MOST_BYTES = 1_000_000
OPENMETRICS = "application/openmetrics-text"


class Exposition:
    """Pages on demand. All clients that ask while a page is made share the next one."""

    def __init__(self) -> None:
        folder = os.environ.get(FOLDER)
        self._metrics: Collector = _OfWorkers(Path(folder)) if folder else REGISTRY
        self._making = asyncio.Lock()
        self._begun = 0
        self._pages: dict[bool, tuple[int, bytes]] = {}  # by format, with its number

    async def page(self, accept: str) -> tuple[bytes, str]:
        """The page, and its content type: OpenMetrics, which has exemplars, for clients that accept it."""
        in_openmetrics = OPENMETRICS in accept
        asked = self._begun
        async with self._making:
            number, page = self._pages.get(in_openmetrics, (0, b""))
            if number <= asked:  # begun before we asked: the latest counts may be missing
                self._begun += 1
                number = self._begun
                write()
                page = await asyncio.to_thread(self._write, in_openmetrics)
                self._pages[in_openmetrics] = number, page
        return page, openmetrics.CONTENT_TYPE_LATEST if in_openmetrics else CONTENT_TYPE_PLAIN_0_0_4

    def _write(self, in_openmetrics: bool) -> bytes:
        page_of = openmetrics.generate_latest if in_openmetrics else generate_latest
        page: bytes = page_of(_WithDerived(self._metrics))
        return page


class _WithDerived(Collector):
    def __init__(self, metrics: Collector) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        metrics = list(self._metrics.collect())
        yield from metrics
        yield from derived(metrics)


class _OfWorkers(Collector):
    """The sum over the files of all workers, including dead ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        # A new file is empty until its worker writes the header.
        files = [str(file) for file in self._folder.glob("*.db") if file.exists() and file.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged
