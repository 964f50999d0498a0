"""What `mm-gateway check` says of an adapter's settings: file, line, and what to write instead."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import run

CONFIGURATION = """\
operators:
  acme:
    adapter: quantum
    settings:
      base_url: https://wallet.acme.example/wallet/
      username: mm
      password: far-secret
      declines:
        102: funds
        111: rolled_back
        112: duplicate
      already: {102: confirmed, 113: held}
      error_statuses: [500, 5000]
    credentials:
      - {username: JohnDoe, password: near-secret-of-game}
"""


def test_check_names_a_kind_that_can_do_nothing_and_what_to_write_instead(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    ran = run("check", "--config", str(path))
    assert ran.status == 2
    rolled_back, duplicate, unknown, status = ran.err.replace("mm-gateway: ", "").splitlines()
    for line, place, problem in ((10, "111", rolled_back), (11, "112", duplicate)):
        assert problem.startswith(f"{path}:{line}:14: operators.acme.settings.declines.{place}: ")
        assert problem.endswith("such as `already: {111: rolled_back, 112: confirmed}`; any other is left out")
    assert unknown.startswith(f"{path}:12:38: operators.acme.settings.already.113: ")
    assert unknown.endswith("must be 'confirmed' or 'rolled_back'")
    assert status.startswith(f"{path}:13:29: operators.acme.settings.error_statuses[1]: ")


def test_check_names_a_code_that_would_mean_two_things(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    text = CONFIGURATION.replace("111: rolled_back", "111: not_found").replace("        112: duplicate\n", "")
    text = text.replace("{102: confirmed, 113: held}", "{111: rolled_back}").replace(", 5000", "")
    path.write_text(text, encoding="utf-8")
    ran = run("check", "--config", str(path))
    assert ran.status == 2
    assert (
        f"{path}:11:16: operators.acme.settings.already: says that 111 was done, and `declines` says not_found"
        in ran.err
    )
