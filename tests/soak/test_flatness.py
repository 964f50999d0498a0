"""What is level is told from what grows, whatever the noise; and the page shows what was measured."""

from __future__ import annotations

import random
from xml.etree import ElementTree as ET

import pytest

from tests.soak.flatness import slope, trend
from tests.soak.page import Line, Plot, page, svg

TIMES = [float(second) for second in range(300)]


def noisy(growth_per_s: float, *, noise: float = 1.0, outliers: int = 0) -> list[float]:
    chance = random.Random(1)
    values = [100 + growth_per_s * at + chance.uniform(-noise, noise) for at in TIMES]
    for _ in range(outliers):
        values[chance.randrange(len(values))] += 500
    return values


def test_noise_and_outliers_count_as_flat() -> None:
    judged = trend("memory", TIMES, noisy(0.0, outliers=20), allowed_part=0.05, allowed_least=2.0)
    assert judged.flat
    assert abs(judged.growth) < 1.0


@pytest.mark.parametrize("outliers", [0, 20])
def test_a_leak_is_seen_through_noise_and_outliers(outliers: int) -> None:
    judged = trend("memory", TIMES, noisy(0.1, outliers=outliers), allowed_part=0.05, allowed_least=2.0)
    assert not judged.flat
    assert judged.growth == pytest.approx(18, abs=2)


def test_what_grows_only_at_the_beginning_is_flat() -> None:
    values = [min(at, 100.0) for at in TIMES]
    assert trend("memory", TIMES, values, allowed_part=0.0, allowed_least=0.1).flat


def test_a_slope_is_that_of_the_line() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0
    assert slope([(0.0, 1.0)]) == 0.0


def test_a_plot_is_valid_svg_with_every_curve() -> None:
    plot = Plot("Memory & more", [1.0, 2.0, 3.0], [Line("a", [1, 2, 3]), Line("b", [0, 0, 0])], warm_up_s=1.0)
    root = ET.fromstring(svg(plot))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_the_page_loads_nothing_and_escapes_what_it_is_told() -> None:
    text = page("Soak", "all <well>", good=True, facts=[("a", "<b>")], plots=[], rest="1 < 2")
    assert "&lt;well&gt;" in text
    assert "1 &lt; 2" in text
    assert "src=" not in text
    assert "url(" not in text
