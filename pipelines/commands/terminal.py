"""What a command shows on the terminal: results on the output, progress and errors beside it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from pipelines.runner import PipelineError, stop


def console() -> Console:
    """Where progress, warnings and errors go: the error stream."""
    return Console(stderr=True, highlight=False)


def output() -> Console:
    """Where results go."""
    return Console(highlight=False)


def say(line: str) -> None:
    """One line of progress, as it is."""
    console().print(line, markup=False, soft_wrap=True)


def reporting_errors(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with errors that a user can mend in one line and exit code 1.

    What it is told of locations comes without the credentials in their URIs; see catalogs.object_store.
    """

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        with _errors_to_exit_code():
            given = {name: _without_credentials(value) for name, value in options.items()}
            command(*(_without_credentials(value) for value in arguments), **given)

    return run


def _without_credentials(value: Any) -> Any:
    from catalogs.object_store import adopt_credentials

    if isinstance(value, list):
        return [_without_credentials(item) for item in value]
    return adopt_credentials(value) if type(value) is str and "://" in value else value


@contextmanager
def _errors_to_exit_code() -> Iterator[None]:
    """Errors that a user can mend become one line and exit code 1; others keep their trace."""
    from pipelines.build import ValidationError
    from pipelines.demo import DemoCorpusError

    try:
        yield
    except (PipelineError, ValidationError, DemoCorpusError, ValueError, OSError) as error:
        console().print(f"error: {error}", style="bold red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console().print("interrupted; run the same command again to go on", style="yellow")
        raise typer.Exit(130) from None
    finally:
        stop()
