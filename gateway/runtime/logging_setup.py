"""The log and the audit stream of this process, as the configuration wants them."""

from __future__ import annotations

import os

import structlog

from gateway.operators.safe_text import fit_text
from gateway.runtime.errors import ConfigurationUnusable
from gateway.settings import Loaded
from gateway.telemetry import audit, logs

log = structlog.get_logger(__name__)


def configure_logging(loaded: Loaded, instance: str) -> None:
    """Logs as this configuration says, under the name of this instance, and what looks like a mistake in it."""
    log_settings = loaded.settings.log
    logs.configure(log_settings.level, log_settings.format, loaded.secrets, instance=instance)
    audit.stream.open(log_settings.audit, instance, fit_text)
    for problem in loaded.advice:
        log.warning("configuration", advice=str(problem))


def require_audit_file(loaded: Loaded) -> None:
    """Raises `ConfigurationUnusable` if the file of the audit stream cannot be written."""
    path = loaded.settings.log.audit
    if path is not None and path != audit.STDERR:
        try:
            os.close(audit.open_file(path))
        except OSError as error:
            raise ConfigurationUnusable([f"log.audit: cannot write {path}: {error.strerror}"]) from error


def reopen_audit_file() -> None:
    """Opens the file again, whatever comes of the reload: whoever renames it sends the signal to begin another one."""
    try:
        audit.stream.reopen()
    except OSError as error:
        log.exception("audit file not opened again: the former one is used", error=error.strerror)
