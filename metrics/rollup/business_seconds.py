"""Business time of many spans at once. Pure: no Django.

Opening hours become a line that climbs while the business is open and is level while it is closed;
the business time between two moments is the difference of their heights.
"""

from datetime import UTC, datetime

import numpy as np

from tickets.business_time import OpeningHours


def business_seconds(
    hours: OpeningHours | None, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Open seconds between moments given as seconds since 1970: int64 [spans].

    Without opening hours the business is always open.
    """
    if hours is None or not len(starts):
        return ends - starts
    moments, heights = _line(hours, int(starts.min()), int(ends.max()))
    climbed = np.interp(ends, moments, heights) - np.interp(starts, moments, heights)
    return np.rint(climbed).astype(np.int64)


def _line(hours: OpeningHours, first: int, last: int) -> tuple[list[float], list[float]]:
    """Moments at which the line bends, and how high it is there."""
    moments, heights = [float(first)], [0.0]
    while True:
        reached = moments[-1]
        for opens, closes in hours.stretches(datetime.fromtimestamp(reached, UTC)):
            if opens.timestamp() >= last:
                return moments, heights
            moments += [opens.timestamp(), closes.timestamp()]
            heights += [heights[-1], heights[-1] + (closes - opens).total_seconds()]
        if moments[-1] in (reached, float(first)):
            return moments, heights  # nothing opens for more than a year
