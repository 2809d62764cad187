"""The order of the tests: the files that it names exist, and one worker runs all tests of an expensive fixture."""

import pytest

from tests import scheduling
from workshop.processes import ROOT


@pytest.mark.parametrize("name", scheduling.LONGEST + scheduling.TOGETHER)
def test_every_file_that_the_order_names_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_a_share_is_a_file_or_a_folder_that_stays_together() -> None:
    assert scheduling.share("tests/demo_1/test_lab.py::test_a_step[curl a::b]") == "tests/demo_1/test_lab.py"
    assert scheduling.share("tests/webhooks/test_http.py::test_it") == "tests/webhooks"
