"""Real answers, mutated, read by every installed adapter: what comes out is judged by `evidence`.

An input is a seed of a real answer (which scene, which answer) and some edits.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from random import Random
from typing import Final, NamedTuple

from gateway.operators import HttpResponse
from tests.fuzz.campaign import Ran
from tests.fuzz.evidence import Judge
from tests.fuzz.mutations import Edit, material_of, mutated
from tests.fuzz.scenes import Base, Scene, run, scenes_of, signed_once

MOST_EDITS: Final = 4
SHOWN: Final = 1000


class Input(NamedTuple):
    """Which answer of which scene, counted round and round, and what is changed in it."""

    scene: int
    base: int
    edits: tuple[Edit, ...]


Read = Callable[[Scene, HttpResponse], object]


def read(scene: Scene, answer: HttpResponse) -> object:
    """What the adapter makes of this answer: what its method returns, or the exception that it raises."""
    scene.http.recorded, scene.http.answer = scene.recorded, answer
    try:
        return run(scene.call)
    except Exception as error:  # noqa: BLE001 - any at all, to be judged
        return error


class Reader:
    """One adapter, before every scene. `read` is how it reads."""

    def __init__(self, scenes: tuple[Scene, ...], read: Read = read) -> None:
        self.scenes = scenes
        self._read = read
        self.judges = tuple(map(Judge, self.scenes))
        self._material = material_of([base for scene in self.scenes for base in scene.bases])

    def answer(self, data: Input) -> HttpResponse:
        """The mutated answer."""
        scene, base = self._chosen(data)
        return mutated(base, scene.bases, self._material, data.edits)

    def objection(self, data: Input) -> str:
        """Why the adapter may not make of the answer what it makes of it, empty if it may."""
        at = data.scene % len(self.scenes)
        answer = self.answer(data)
        return self.judges[at].objection(answer, self._read(self.scenes[at], answer))

    def report(self, data: Input) -> str:
        """The finding, with the answer and what the adapter made of it."""
        scene, base = self._chosen(data)
        answer = self.answer(data)
        return (
            f"{scene.name}: {self.objection(data)}\n"
            f"  from      HTTP {base.answer.status} {_shown(base.answer.body)}\n"
            f"  answered  HTTP {answer.status} {_shown(answer.body)} {dict(answer.headers)}\n"
            f"  read as   {self._read(scene, answer)!r}\n"
            f"  input     {data}"
        )

    def scene_of(self, data: Input) -> Scene:
        return self.scenes[data.scene % len(self.scenes)]

    def _chosen(self, data: Input) -> tuple[Scene, Base]:
        scene = self.scene_of(data)
        return scene, scene.bases[data.base % len(scene.bases)]


def _shown(body: bytes) -> str:
    return repr(body[:SHOWN])


@cache
def reader(name: str) -> Reader:
    """The reader of the adapter of that name."""
    with signed_once():
        return Reader(scenes_of(name))


def inputs(seed: int, runs: int) -> Iterator[Input]:
    """So many inputs, always the same for the same seed."""
    draw = Random(seed).getrandbits
    for _ in range(runs):
        edits = tuple((draw(16), draw(16), draw(16)) for _ in range(1 + draw(16) % MOST_EDITS))
        yield Input(draw(16), draw(16), edits)


def minimal(adapter: Reader, data: Input) -> Input:
    """The same finding with as few edits as show it."""
    for at in range(len(data.edits)):
        fewer = data._replace(edits=data.edits[:at] + data.edits[at + 1 :])
        if adapter.objection(fewer):
            return minimal(adapter, fewer)
    return data


def findings(adapter: Reader, seed: int, runs: int) -> Iterator[str]:
    """What is wrong with the first input of each kind of finding, a kind being a scene and an objection."""
    known = set()
    with signed_once():
        for data in inputs(seed, runs):
            objection = adapter.objection(data)
            if objection and (kind := (adapter.scene_of(data).name, objection)) not in known:
                known.add(kind)
                yield adapter.report(minimal(adapter, data))


def _findings_of(name: str, seed: int, runs: int) -> list[str]:
    return list(findings(reader(name), seed, runs))


def campaign(name: str, runs: int, workers: int) -> Ran:
    """So many inputs in all, in several processes."""
    begun = time.monotonic()
    share = -(-runs // workers)
    # Spawned, as a fork would copy whatever threads hold.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = pool.map(_findings_of, [name] * workers, range(workers), [share] * workers)
        found = [report for part in parts for report in part]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    took_s = time.monotonic() - begun
    return Ran(f"mutated-{name}", share * workers, took_s, f"{peak} MB at most", "\n".join(found))
