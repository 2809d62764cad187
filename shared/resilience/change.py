"""Has something that happens now and then become more frequent? Knows nothing of what it is.

In: yes or no, one after the other. Out: how often it usually happens, and whether that has changed. The test is Page's
cumulative sum ("Continuous inspection schemes", 1954), which finds a change after the fewest observations. Its usual
share is not given but learned, slowly, so that what is wrong today cannot become usual within a minute.
"""

import math

MEMORY = 1000  # observations: older ones count for less and less in the usual share
FIRST_GUESS = 50  # observations that the expectation is worth at the start
FEWEST, MOST = 0.005, 0.3  # bounds of the usual share
CHANGED = 0.8  # the share that is looked for; a quarter to a half is found too, the less is usual the sooner
CERTAIN = 16.0  # log-likelihood: in a million observations without a change, less than one false alarm


class Change:
    """`usual` is the share that is expected at first; `certain` is the evidence that a change takes."""

    def __init__(self, usual: float, certain: float = CERTAIN) -> None:
        self._usual = usual
        self._certain = certain
        self._seen = FIRST_GUESS
        self._evidence = 0.0

    @property
    def usual(self) -> float:
        return min(MOST, max(FEWEST, self._usual))

    @property
    def found(self) -> bool:
        return self._evidence >= self._certain

    def see(self, *, happened: bool) -> None:
        if happened or self._evidence:  # nearly always there is nothing to weigh
            usual = self.usual
            likelier = CHANGED / usual if happened else (1 - CHANGED) / (1 - usual)
            self._evidence = max(0.0, self._evidence + math.log(likelier))
        self._seen = min(MEMORY, self._seen + 1)
        self._usual += (happened - self._usual) / self._seen

    def forget(self) -> None:
        """Look for the next change. What is usual stays known."""
        self._evidence = 0.0


def by_chance(share: float, once_in: float) -> int:
    """How often in a row something of this share happens by chance only once in so many times."""
    return math.ceil(math.log(once_in) / -math.log(share) - 1e-9)
