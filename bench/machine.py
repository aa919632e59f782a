"""What was measured on: the machine, without its name, and the versions of what took part."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "threadloom",
    "langgraph",
    "langgraph-checkpoint",
    "langgraph-checkpoint-sqlite",
    "langgraph-checkpoint-postgres",
    "langchain-core",
    "sqlalchemy",
    "psycopg",
    "asyncpg",
    "aiosqlite",
    "pymysql",
    "asyncmy",
    "aiomysql",
)


def machine() -> dict[str, str]:
    """Cores, memory, processor and system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"{platform.system()}, Python {platform.python_version()}",
    }


def load() -> str:
    """Processes that ran or waited to run, averaged over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def packages() -> str:
    """Name and version of each package that is installed."""
    return ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
