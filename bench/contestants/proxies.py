"""Starting the contestants that come from elsewhere or would be written by hand."""

from __future__ import annotations

import shutil
from typing import Final

from bench.contestants.contestant import HERE, Contestant, Missing, Place, Running
from bench.contestants.starting import filled, node, python_program, started
from bench.processes import free_port, run


def aiohttp_pass_through(place: Place) -> Running:
    """Its server and client under uvloop."""
    return python_program("aiohttp_pass_through", place)


def by_hand(place: Place) -> Running:
    """Over an empty database in a file."""
    database = place.home / "by_hand.db"
    database.unlink(missing_ok=True)
    return python_program("by_hand", place, "--database", database)


def fastify(place: Place) -> Running:
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
    return started("fastify", place, port, program, "server.js", port, place.upstream, cwd=home)


def nginx(place: Place) -> Running:
    """With one worker. Raises `Missing`: it is the only one that no package of Python or Node.js brings."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed; `apt-get install nginx` or the like brings it")
    home = place.home / "nginx"
    home.mkdir(exist_ok=True)
    port = free_port()
    words = {"PORT": str(port), "UPSTREAM": f"127.0.0.1:{place.operator_port}", "HOME": str(home)}
    config = filled("nginx/nginx.conf", words, home / "nginx.conf")
    return started("nginx", place, port, program, "-p", home, "-c", config)


def envoy(place: Place) -> Running:
    """With one worker."""
    program = place.bench_python.with_name("envoy")
    port = free_port()
    words = {"UPSTREAM_PORT": str(place.operator_port), "PORT": str(port)}
    config = filled("envoy/envoy.yaml", words, place.home / "envoy.yaml")
    options = ("--concurrency", 1, "--log-level", "warning", "--use-dynamic-base-id")
    return started("envoy", place, port, program, "--config-path", config, *options)


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
        "dbos", "saga on DBOS, PostgreSQL", lambda place: python_program("dbos_saga", place, "--database", database_url)
    )
