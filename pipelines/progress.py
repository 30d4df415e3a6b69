"""One line a stage that a person can read: songs done, hours of audio, times real time, time left, quarantined."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

LOG_INTERVAL_SECONDS = 15.0
"""Where output is not a terminal, a line is printed this often, and at the end."""


class StageProgress:
    """Progress of one stage; use as a context manager.

    Args:
        stage: name of the stage.
        songs: songs to do.
        seconds: audio of these songs, all stems together, in seconds; None if it is not known yet.
        console: where to print.
        things: what is counted.
    """

    def __init__(self, stage: str, songs: int, seconds: float | None, console: Console, things: str = "songs") -> None:
        self._stage = stage
        self._things = things
        self._songs = songs
        self._seconds = seconds
        self._console = console
        self._live: Live | None = None
        self._done = 0
        self._done_seconds = 0.0
        self._quarantined = 0
        self._start = self._printed = time.monotonic()

    def __enter__(self) -> StageProgress:
        if self._console.is_terminal:
            self._live = Live(self._line(), console=self._console, refresh_per_second=4)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self._line())
            self._live.__exit__(kind, error, trace)
        else:
            self._console.print(self._line(), soft_wrap=True)

    def advance(self, seconds: float, quarantined: bool) -> None:
        """Count a song as done.

        Args:
            seconds: its audio, all stems together.
            quarantined: whether it was refused.
        """
        self._done += 1
        self._done_seconds += seconds
        self._quarantined += quarantined
        now = time.monotonic()
        if self._live is not None:
            self._live.update(self._line())
        elif now - self._printed >= LOG_INTERVAL_SECONDS and self._done < self._songs:
            self._printed = now
            self._console.print(self._line(), soft_wrap=True)

    def _line(self) -> Text:
        elapsed = max(time.monotonic() - self._start, 1e-3)
        speed = self._done_seconds / elapsed
        total = "" if self._seconds is None else f" of {self._seconds / 3600:.2f}"
        parts = [
            f"{self._stage:<9} {self._done}/{self._songs} {self._things}",
            f"{self._done_seconds / 3600:.2f}{total} hours of files",
            f"{speed:.1f} x real time" if self._done else "starting",
        ]
        if 0 < self._done < self._songs:
            share = self._done / self._songs if self._seconds is None else self._done_seconds / self._seconds
            parts.append(f"{_clock(elapsed * (1.0 / max(share, 1e-9) - 1.0))} left")
        elif self._done == self._songs:
            parts.append(f"took {_clock(elapsed)}")
        if self._quarantined:
            parts.append(f"{self._quarantined} quarantined")
        return Text(", ".join(parts))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
