"""Results as a browser hands them over, made from known opinions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.listening.build import Built
from training.listening.key import KeyPage

MOMENT = "2025-11-03T10:00:00.000Z"


def finished_result(
    built: Built, session: str, participant: str, effects: Mapping[str, float], rng: np.random.Generator, **changes: Any
) -> dict[str, Any]:
    """A result that fits the test; ratings are 50 plus the system's effect plus noise of 4 points."""
    axes = [axis.id for axis in built.site.axes]

    def page(key_page: KeyPage) -> dict[str, Any]:
        order = rng.permutation(len(key_page.stimuli))
        stimuli = [
            {
                "id": key_page.stimuli[index].id,
                "label": "ABCDEFGHIJK"[place],
                "heard_seconds": 20.0,
                "ratings": {
                    axis: float(
                        np.clip(50 + effects[key_page.stimuli[index].system] + 4 * rng.standard_normal(), 0, 100)
                    )
                    for axis in axes
                },
                "moves": dict.fromkeys(axes, 3),
            }
            for place, index in enumerate(order)
        ]
        return {
            "page": key_page.id, "started": MOMENT, "finished": MOMENT, "seconds": 100.0, "comment": "",
            "stimuli": stimuli, "dry_seconds": 2.0,
            "log": [[0.5, "play", stimuli[0]["id"]], [3.0, "move", stimuli[0]["id"], axes[0], 55.5]],
        }  # fmt: skip

    pages = [page(built.key.pages[index]) for index in rng.permutation(len(built.key.pages))]
    result = {
        "schema_version": 1, "test_id": built.site.test_id, "session": session, "participant": participant,
        "started": MOMENT, "finished": MOMENT, "reloads": 0, "volume": 0.5, "training": page(built.key.training),
        "pages": pages, "page_order": [page["page"] for page in pages], "browser": "test", "screen": [1280, 900],
        "questionnaire": {
            "years_of_mixing": 7, "experience": "For a living", "listening_device": "Open headphones", "hearing": "No",
        },
    }  # fmt: skip
    return {**result, **changes}


def encoded(result: Mapping[str, Any]) -> bytes:
    return json.dumps(result).encode()
