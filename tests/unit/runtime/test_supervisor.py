from __future__ import annotations

import asyncio

from gateway.runtime.supervisor import LONGEST_PAUSE_S, RESTART_AFTER_FAILURES, STEADY_S, Supervisor
from tests.support.virtual_time import run


class Faulty:
    """Work that fails as often as it is told, then goes on for ever."""

    def __init__(self, failures: int, runs_for_s: float = 0) -> None:
        self.begun_at: list[float] = []
        self._failures = failures
        self._runs_for_s = runs_for_s

    async def work(self) -> None:
        self.begun_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._runs_for_s)
        if len(self.begun_at) <= self._failures:
            raise RuntimeError
        await asyncio.Event().wait()


def test_work_that_fails_is_begun_again_after_a_growing_pause() -> None:
    async def main() -> None:
        supervisor, faulty = Supervisor(), Faulty(failures=9)
        supervisor.keep("work", faulty.work)
        await asyncio.sleep(300)
        pauses = [after - before for before, after in zip(faulty.begun_at, faulty.begun_at[1:], strict=False)]
        assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
        await supervisor.close()

    run(main)


def test_work_is_failing_from_its_failure_until_it_has_run_steadily() -> None:
    async def main() -> None:
        supervisor, faulty = Supervisor(), Faulty(failures=1)
        supervisor.keep("work", faulty.work)
        await asyncio.sleep(0.1)
        assert supervisor.failing() == ["work"]
        await asyncio.sleep(1)
        assert (len(faulty.begun_at), supervisor.failing()) == (2, ["work"])
        await asyncio.sleep(STEADY_S)
        assert supervisor.failing() == []
        await supervisor.close()

    run(main)


def test_work_that_fails_again_and_again_is_failing_repeatedly() -> None:
    async def main() -> None:
        supervisor = Supervisor()
        supervisor.keep("work", Faulty(failures=RESTART_AFTER_FAILURES).work)
        supervisor.keep("other", Faulty(failures=0).work)
        await asyncio.sleep(31.6)
        assert (supervisor.failing(), supervisor.failing_repeatedly()) == (["work"], [])
        await asyncio.sleep(120)
        assert supervisor.failing_repeatedly() == ["work"]
        await asyncio.sleep(120)
        assert supervisor.failing_repeatedly() == []
        await supervisor.close()

    run(main)


def test_failures_between_which_work_ran_steadily_do_not_add_up() -> None:
    async def main() -> None:
        supervisor, faulty = Supervisor(), Faulty(failures=1000, runs_for_s=STEADY_S)
        supervisor.keep("work", faulty.work)
        await asyncio.sleep(15 * STEADY_S)
        assert len(faulty.begun_at) > RESTART_AFTER_FAILURES
        assert supervisor.failing_repeatedly() == []
        await supervisor.close()

    run(main)


def test_work_that_ends_by_itself_is_begun_again() -> None:
    async def main() -> None:
        ended = 0

        async def ends() -> None:
            nonlocal ended
            ended += 1

        supervisor = Supervisor()
        supervisor.keep("work", ends)
        await asyncio.sleep(2)
        assert ended == 3
        await supervisor.drop("work")
        await asyncio.sleep(100)
        assert ended == 3

    run(main)
