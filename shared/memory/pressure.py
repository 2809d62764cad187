"""The pressure on memory, in four states.

In: bytes resident, look after look. Out: the state. A machine that measures nothing and does nothing. To leave a state,
memory must fall a little below its edge. Otherwise, right at the edge, the state would change with every look.
"""

from enum import IntEnum

from shared.memory.thresholds import Thresholds

WARN_FROM = 0.8  # of the threshold
CALM_AGAIN = 0.95  # of the edge that was passed


class State(IntEnum):
    """The values are those of the metric gateway_memory_pressure."""

    NORMAL = 0
    WARNING = 1  # somebody should look
    SHEDDING = 2  # caches are emptied
    REFUSING = 3  # no more work is taken

    def __str__(self) -> str:
        return self.name.lower()


class Pressure:
    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self.state = State.NORMAL

    # region: pressure-look
    def look(self, resident: int) -> State:
        shed, refuse = self.thresholds.shed, self.thresholds.refuse
        if resident > refuse or (self.state is State.REFUSING and resident > shed):
            self.state = State.REFUSING
        elif resident > self._edge(shed, State.SHEDDING):
            self.state = State.SHEDDING
        elif resident > self._edge(shed * WARN_FROM, State.WARNING):
            self.state = State.WARNING
        else:
            self.state = State.NORMAL
        return self.state

    # endregion: pressure-look

    def _edge(self, bytes: float, state: State) -> float:
        return bytes * CALM_AGAIN if self.state is state else bytes
