"""The six demos in order: their folders, and how many minutes they take."""

from dataclasses import dataclass
from pathlib import Path

from workshop.processes import ROOT


@dataclass(slots=True, frozen=True)
class Lab:
    """`lab`: minutes to run the demo, break it and read it. `writing`: minutes to write the whole exercise."""

    number: int
    folder: str
    lab: int
    writing: int

    @property
    def page(self) -> str:
        return f"{self.folder}/README.md"

    @property
    def exercise(self) -> str:
        return f"{self.folder}/exercise"

    @property
    def minutes(self) -> int:
        return self.lab + self.writing

    def title(self, root: Path = ROOT) -> str:
        """The title of the lab's page, without its number."""
        heading = (root / self.page).read_text().partition("\n")[0]
        return heading.partition(" · ")[2]


POINTS = 20  # of each demo

# As a newcomer took them, who had never seen the project.
LABS = {
    lab.number: lab
    for lab in (
        Lab(1, "demos/demo_1_guarded", lab=30, writing=35),
        Lab(2, "demos/demo_2_who_and_how_often", lab=35, writing=45),
        Lab(3, "demos/demo_3_caching", lab=30, writing=35),
        Lab(4, "demos/demo_4_streaming", lab=50, writing=40),
        Lab(5, "demos/demo_5_observability", lab=55, writing=35),
        Lab(6, "demos/demo_6_ray_serve_vllm", lab=60, writing=60),
    )
}


def duration(minutes: float) -> str:
    """In words, to five minutes: `about 1 h 25 min`."""
    rounded = max(5, 5 * round(minutes / 5))
    hours, rest = divmod(rounded, 60)
    return "about " + " ".join(part for part in (f"{hours} h" * bool(hours), f"{rest} min" * bool(rest)) if part)
