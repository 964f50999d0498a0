"""What a deployment is packed in: the image, built and tried in a Debian of its own, and the charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.deployment.builder import ROOT, Builder, builder
from tests.deployment.chart import VERSIONS, chart_is_sound
from tests.deployment.image import image_is_sound, plugins_are_added
from tests.machines.debian import Failed


def image_is_tried(folder: Path) -> str:
    """Returns what is wrong, empty if nothing is. Raises `Unobtainable` where no Debian can be made."""
    with builder() as made:
        for attempt in (_compose, image_is_sound, plugins_are_added):
            if wrong := _tried(attempt, made, folder):
                return wrong
    return ""


def _tried(attempt: Callable[[Builder, Path], str], made: Builder, folder: Path) -> str:
    try:
        return attempt(made, folder)
    except Failed as failed:
        return f"{attempt.__name__}: {failed}"


def _compose(made: Builder, _: Path) -> str:
    made.check_compose(ROOT)
    return ""


PACKAGING: Final[tuple[tuple[str, str, Callable[[Path], str]], ...]] = (
    (
        "helm",
        f"both charts are the same from Helm 3 and 4, and Kubernetes {', '.join(VERSIONS)} take them",
        chart_is_sound,
    ),
    (
        "debootstrap",
        "an image that is the same when built again, serves a purchase as any user, and takes plugins; compose.yaml",
        image_is_tried,
    ),
)
