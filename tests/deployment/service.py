"""The service of docs/deploy/one-machine.md on booted Debians: installed, started, reloaded, commanded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.machines import surroundings
from tests.machines.booted import Booted, booted
from tests.machines.debian import Debian
from tests.support.deploy_pages import page, shell_blocks

ROOT: Final = Path(__file__).parents[2]
CHECKOUT: Final = "gateway"
PACKAGES: Final = "python3,python3-venv,systemd,dbus,openssl,ca-certificates,git"

SECRETS: Final = "/etc/mm-gateway/secrets"
CONFIG: Final = "/etc/mm-gateway/gateway.yaml"
GAME: Final = "a-password-of-the-game"
NEXT_GAME: Final = "the-next-password-of-the-game"
CALL: Final = """#!/usr/bin/python3
# Prints the HTTP status of a call that is made with this password.
import base64, sys, urllib.error, urllib.request
basic = base64.b64encode(f"JohnDoe:{sys.argv[1]}".encode()).decode()
headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
try:
    print(urllib.request.urlopen(urllib.request.Request(
        "http://127.0.0.1:8080/wallet/verifySession", b'{"token": "t"}', headers), timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(error).__name__)
"""
OLDER: Final = """
release=$(. /etc/os-release && echo $VERSION_CODENAME)
sed "s/$release/bullseye/" /etc/apt/sources.list > /etc/apt/sources.list.d/older.list
apt-get -qq update && cd /srv && apt-get -qq download systemd/bullseye && dpkg-deb -x systemd_*.deb older
for folder in lib bin usr; do
    to=/usr/$folder; test $folder != usr || to=/usr
    cp -a --remove-destination older/$folder/. $to/
done
"""
"""Lays Debian 11's systemd over the one that is there: it brings its own library, and needs nothing else of its age."""


class Step(NamedTuple):
    """What is done in the booted system as root, and what must come of it."""

    what: str
    script: str
    says: str = ""
    """A pattern that is found in all that is printed."""
    fails: bool = False
    since: int = 0
    """The systemd before which it is left out, since that cannot do it."""


def until(says: str, script: str) -> str:
    return f'for _ in $(seq 150); do test "$({script})" = {says} && break; sleep 0.2; done; {script}'


def as_service(words: str) -> str:
    return f"runuser -u mm-gateway -- mm-gateway {words} --config {CONFIG}"


def as_root(words: str) -> str:
    return f"mm-gateway {words} --config {CONFIG}"


def commands(state: str, *words: str) -> Iterator[Step]:
    """Each as the service's user, and as root."""
    for word in words:
        yield Step(f"{word}, as the service's user, {state}", as_service(word))
        yield Step(f"{word}, as root, {state}", as_root(word))


def misdirected(state: str) -> Iterator[Step]:
    """What acts on one transfer reads the configuration, and finds that there is none."""
    for word in ("retry", "resolve"):
        ask = f"{word} nowhere --operator acme --who me --why try{' --as confirmed' if word == 'resolve' else ''}"
        yield Step(f"{word}, {state}", as_service(ask), says=r"no (such )?transfer|nowhere", fails=True)


START, RUN, ENCRYPT = shell_blocks(page("one-machine"))[1:4]
READING: Final = ("transfers", "rollbacks")
ALONE: Final = ("migrate", "journal copy --from default --to next")
"""Those that a SQLite journal's running gateway does not let in beside it."""
BREAK: Final = f"cp {CONFIG} /srv/good.yaml; echo 'sever: {{}}' >> {CONFIG}"
MEND: Final = f"cat /srv/good.yaml > {CONFIG}"
GAME_FILE: Final = f"{SECRETS}/game_password"
HIDE: Final = f"mkdir -p /srv/hidden; mv {SECRETS}/acme_password {SECRETS}/game_password /srv/hidden/"
CREDENTIALS: Final = "/run/credentials/mm-gateway.service"

SECRET_NAMES: Final = ("acme_password", "game_password", "journal_key")
ENCRYPT_ALL: Final = (
    "\n".join(ENCRYPT.splitlines()[0].replace("acme_password", name) for name in SECRET_NAMES)
    + f"""
mkdir -p /etc/systemd/system/mm-gateway.service.d
for name in {" ".join(SECRET_NAMES)}; do echo "LoadCredentialEncrypted=$name:/etc/mm-gateway/$name.cred"; done |
    sed '1i [Service]' > /etc/systemd/system/mm-gateway.service.d/secrets.conf
sed -i s,{SECRETS}/,{CREDENTIALS}/, {CONFIG}; mv {SECRETS} /srv/
systemctl daemon-reload; systemctl restart mm-gateway"""
)
RUN_ENCRYPTED: Final = re.sub(
    r"(--property=Load\S+=)acme_password:\S+",
    lambda found: " ".join(f"{found[1]}{name}:/etc/mm-gateway/{name}.cred" for name in SECRET_NAMES),
    ENCRYPT.splitlines()[1],
)
"""The page's, with all three secrets in place of the one that it shows."""

STEPS: Final[tuple[Step, ...]] = (
    Step(
        "the unit is understood",
        'systemd-analyze verify mm-gateway.service 2>&1 | grep -c "mm-gateway.service" || true',
        says="^0$",
    ),
    Step("what the page says to start it", START),
    Step("it serves", "call " + GAME, says="^500$"),
    Step("a wrong password is refused", "call " + NEXT_GAME, says="^401$"),
    Step("what the page says of commands", RUN, says="the configuration can be used"),
    *commands("while it runs", "check", *READING, "health"),
    *misdirected("while it runs"),
    Step(
        "a new password is put into its file",
        f"echo {NEXT_GAME} > {GAME_FILE}; stat -c %a:%U:%G {GAME_FILE}",
        says="^640:root:mm-gateway$",
    ),
    Step("a reload waits", "systemctl reload mm-gateway; systemctl is-active mm-gateway", says="^active$"),
    Step("the new password is in force when it returns", f"call {NEXT_GAME}", says="^500$"),
    Step("the former is not", f"call {GAME}", says="^401$"),
    Step("a reload of a broken configuration fails", f"{BREAK}; systemctl reload mm-gateway", fails=True),
    Step("and says why", "journalctl --no-pager -u mm-gateway", says=r"mm-gateway: .*sever"),
    Step("the former one stays in force", f"systemctl is-active mm-gateway && call {NEXT_GAME}", says="^active\n500$"),
    Step("a reload of the mended one does not", f"{MEND}; systemctl reload mm-gateway"),
    Step(
        "a signal reloads, too",
        f"systemctl kill --kill-who=main --signal=HUP mm-gateway; {until('active', 'systemctl is-active mm-gateway')}",
        says="active$",
    ),
    Step(
        "root asks for a reload beside systemd",
        'mm-gateway reload --pid "$(systemctl show -P MainPID mm-gateway)"',
        says="^reloaded$",
    ),
    Step(
        "another user does not",
        'runuser -u nobody -- mm-gateway reload --pid "$(systemctl show -P MainPID mm-gateway)"',
        fails=True,
    ),
    Step(
        "it is started again when it is killed",
        "systemctl kill --signal=KILL mm-gateway; " + until("500", f"call {NEXT_GAME}"),
        says="500$",
    ),
    Step("it stops", "systemctl stop mm-gateway"),
    *commands("while it is stopped", "check", *READING, *ALONE),
    *misdirected("while it is stopped"),
    Step("secrets of operators and of the game are gone", HIDE),
    *commands("without them", *READING, *ALONE, "rules"),
    *misdirected("without them"),
    Step("check wants them", as_service("check"), says="acme_password cannot be read", fails=True),
    Step("they are back", f"mv /srv/hidden/* {SECRETS}/"),
    Step("no other user reads a secret", f"runuser -u nobody -- cat {SECRETS}/acme_password", fails=True),
    Step(
        "the service's user changes none",
        f"runuser -u mm-gateway -- sh -c 'echo x > {SECRETS}/acme_password'",
        fails=True,
    ),
    Step("all state is the service's", "find /var/lib/mm-gateway ! -user mm-gateway", says=r"^$"),
    Step("it does not start without its operator's journal", "systemctl start mm-gateway", fails=True),
    Step(
        "what was moved is moved back",
        f"systemctl stop mm-gateway; {as_service('journal copy --from next --to default')}",
        says="moved from next to default: acme",
    ),
    Step("it starts again", f"systemctl start mm-gateway; call {NEXT_GAME}", says="^500$"),
    Step("secrets can be encrypted", f"{ENCRYPT_ALL}; call {NEXT_GAME}", says="500$", since=250),
    Step("a command gets them from systemd, too", RUN_ENCRYPTED, says="the configuration can be used", since=250),
)


def the_service_works(folder: Path, release: str, *, also_older: bool = False) -> str:
    """On this Debian, and also with Debian 11's systemd in it; returns what is wrong. Raises `Failed`."""
    system = installed(folder, release)
    wrong = tried(folder)
    if also_older and not wrong:
        system.run("root", PREPARE_AGAIN)
        system.run("root", OLDER)
        wrong = tried(folder)
    return wrong


def installed(folder: Path, release: str) -> Debian:
    """The system, where root has followed the page as far as that can be done before it is booted."""
    folder.chmod(0o755)
    system = Debian(folder, {})
    system.install(release, surroundings.mirror(), PACKAGES)
    system = Debian(folder, surroundings.settle(folder, surroundings.environment()))
    system.run("root", "update-ca-certificates > /dev/null")
    system.bring(ROOT, "root", CHECKOUT)
    system.run("root", f"cd {CHECKOUT} && (set -e; {shell_blocks(page('one-machine'))[0]}) > /srv/installed.log 2>&1")
    (yaml,) = re.findall(r"^```yaml\n(.*?)^```$", page("one-machine"), re.MULTILINE | re.DOTALL)
    key = f"${{file:{SECRETS}/journal_key}}"
    beside = f"journals:\n  next: {{url: 'sqlite:////var/lib/mm-gateway/next.db', encryption_key: '{key}'}}\n"
    (folder / CONFIG.lstrip("/")).write_text(yaml + beside)
    for name in ("acme_password", "game_password"):
        (folder / SECRETS.lstrip("/") / name).write_text(f"{GAME}\n")
    call = folder / "usr" / "local" / "bin" / "call"
    call.write_text(CALL)
    call.chmod(0o755)
    system.run("root", KEEP)
    return system


KEEP: Final = "cp -a /etc/mm-gateway /srv/kept && systemctl mask systemd-networkd-wait-online.service > /dev/null 2>&1"
PREPARE_AGAIN: Final = """
rm -rf /etc/mm-gateway /etc/systemd/system/mm-gateway.service.d /var/lib/mm-gateway /srv/secrets /srv/hidden
cp -a /srv/kept /etc/mm-gateway; rm -f /etc/systemd/system/multi-user.target.wants/mm-gateway.service
"""


def tried(folder: Path) -> str:
    """What is wrong with the service in this system once it is booted."""
    with booted(folder) as system:
        version = int(system.run("systemctl --version")[1].split()[1])
        for step in STEPS:
            if step.since <= version and (wrong := _wrong(system, step)):
                return f"systemd {version}: {wrong}"
    return ""


def _wrong(system: Booted, step: Step) -> str:
    status, said = system.run(f"PATH=/opt/mm-gateway/bin:$PATH\n{step.script}")
    if (status != 0) == step.fails and re.search(step.says, said):
        return ""
    logged = system.run("journalctl --no-pager --quiet --lines=20 --unit=mm-gateway")[1]
    return f"{step.what}: status {status}, {said[-1500:] or 'nothing said'}\n{logged}"
