from __future__ import annotations

from pathlib import Path

import pytest

from gateway.telemetry.memory_limit import memory_limit_bytes


@pytest.mark.parametrize(
    "content, limit",
    [("536870912\n", 536_870_912), ("max\n", None), ("9223372036854771712\n", None), ("", None)],
)
def test_the_limit_is_what_the_cgroup_says(tmp_path: Path, content: str, limit: int | None) -> None:
    file = tmp_path / "memory.max"
    file.write_text(content)
    assert memory_limit_bytes((tmp_path / "absent", file)) == limit


def test_without_cgroups_there_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit_bytes((tmp_path / "absent",)) is None
