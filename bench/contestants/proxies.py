"""Starts the alternatives: proxies that exist, and services as one would write them."""

from __future__ import annotations

import shutil
from typing import Final

from bench.contestants.contestant import HERE, Contestant, ContestantMissing, Place, RunningContestant
from bench.contestants.starting import fill_template, node, python_program, start_program
from bench.processes import free_port, run


def aiohttp_pass_through(place: Place) -> RunningContestant:
    """Its server and client under uvloop."""
    return python_program("aiohttp_pass_through", place)


def by_hand(place: Place) -> RunningContestant:
    """Over an empty database in a file."""
    database = place.home / "by_hand.db"
    database.unlink(missing_ok=True)
    return python_program("by_hand", place, "--database", database)


def fastify(place: Place) -> RunningContestant:
    """Its packages are installed from the lock file, by the Node.js of the bench's own environment."""
    home = place.home / "fastify"
    home.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(HERE / "fastify" / name, home)
    program = node(place)
    if not (home / "node_modules").exists():
        npm = program.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
        run([program, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], place.home / "npm.log", cwd=home)
    port = free_port()
    return start_program("fastify", place, port, program, "server.js", port, place.upstream, cwd=home)


def nginx(place: Place) -> RunningContestant:
    """With one worker. Raises `ContestantMissing`: it is the only one that no package of Python or Node.js brings."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise ContestantMissing("nginx is not installed; `apt-get install nginx` or the like brings it")
    home = place.home / "nginx"
    home.mkdir(exist_ok=True)
    port = free_port()
    words = {"PORT": str(port), "UPSTREAM": f"127.0.0.1:{place.operator_port}", "HOME": str(home)}
    config = fill_template("nginx/nginx.conf", words, home / "nginx.conf")
    return start_program("nginx", place, port, program, "-p", home, "-c", config)


def envoy(place: Place) -> RunningContestant:
    """With one worker."""
    program = place.bench_python.with_name("envoy")
    port = free_port()
    words = {"UPSTREAM_PORT": str(place.operator_port), "PORT": str(port)}
    config = fill_template("envoy/envoy.yaml", words, place.home / "envoy.yaml")
    options = ("--concurrency", 1, "--log-level", "warning", "--use-dynamic-base-id")
    return start_program("envoy", place, port, program, "--config-path", config, *options)


PROXIES: Final = (
    Contestant("nginx", "nginx as a proxy", nginx),
    Contestant("envoy", "Envoy as a proxy", envoy),
    Contestant("fastify", "Fastify http-proxy", fastify),
    Contestant("aiohttp", "aiohttp, typed pass-through", aiohttp_pass_through),
)
BY_HAND: Final = Contestant("by_hand", "by hand: FastAPI, httpx, SQLAlchemy, SQLite", by_hand)


def saga(database_url: str) -> Contestant:
    """The saga on DBOS, over an empty database."""
    return Contestant(
        "dbos",
        "saga on DBOS, PostgreSQL",
        lambda place: python_program("dbos_saga", place, "--database", database_url),
    )
