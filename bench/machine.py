"""The facts about the machine on which the figures depend."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

SAMPLES: Final = 200
_PAGE: Final = b"\0" * 4096


def describe(home: Path) -> dict[str, str]:
    """The facts as texts, in the order in which they are shown."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "disk": f"{_file_system(home)}; one fsync after 4 KiB takes {fsync_ms(home):.2f} ms",
        "RSA-2048 signature": f"{_signature_us():.0f} µs",
        "other load at the start": f"{os.getloadavg()[0]:.1f} processes",
    }


def fsync_ms(home: Path) -> float:
    """How long it takes until 4 KiB more of a file are on the disk: the median of many, in milliseconds."""
    path = home / "fsync"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SAMPLES):
            file.write(_PAGE)
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return 1000 * median(took)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system(home: Path) -> str:
    command = ["stat", "--file-system", "--format=%T", str(home)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip() or "unknown"


def _signature_us() -> float:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    took = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        key.sign(_PAGE, padding.PKCS1v15(), SHA256())
        took.append(time.perf_counter() - began)
    return 1e6 * median(took)
