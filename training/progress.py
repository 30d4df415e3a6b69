"""One line of training that a person can read: step, loss, examples a second, time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

INTERVAL_SECONDS = 10.0
"""Time between two lines."""

SMOOTHING = 0.05
"""Weight of the newest loss in the running mean that is shown."""


class TrainingProgress:
    """Progress of a training call; use as a context manager.

    Args:
        step: steps done before this call.
        total: steps in all.
        examples: examples in a step, over all processes.
        deadline: monotonic time at which training stops; None for none.
        say: called with each line.
        active: whether to say anything.
    """

    def __init__(
        self, step: int, total: int, examples: int, deadline: float | None, say: Callable[[str], None], active: bool
    ) -> None:
        self._first = self._step = step
        self._total = total
        self._examples = examples
        self._deadline = deadline
        self._say = say
        self._active = active
        self._loss: float | None = None
        self._start = self._said = time.monotonic()

    def __enter__(self) -> TrainingProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active and self._loss is not None:
            self._say(self._line())

    def advance(self, loss: float) -> None:
        """Count a step.

        Args:
            loss: its loss; one that is not finite is left out of the running mean.
        """
        self._step += 1
        if loss == loss and abs(loss) != float("inf"):
            self._loss = loss if self._loss is None else self._loss + SMOOTHING * (loss - self._loss)
        now = time.monotonic()
        if self._active and now - self._said >= INTERVAL_SECONDS:
            self._said = now
            self._say(self._line())

    def _line(self) -> str:
        now = time.monotonic()
        elapsed = max(now - self._start, 1e-9)
        done = self._step - self._first
        left = elapsed / max(done, 1) * (self._total - self._step)
        if self._deadline is not None:
            left = min(left, max(self._deadline - now, 0.0))
        minutes, seconds = divmod(round(left), 60)
        loss = "-" if self._loss is None else f"{self._loss:.4f}"
        speed = done * self._examples / elapsed
        return f"step {self._step}/{self._total}, loss {loss}, {speed:.2f} examples/s, {minutes}:{seconds:02} left"
