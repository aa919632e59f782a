"""The tests in the source distribution of LangGraph: fetched once, kept in `.cache/`, with our fixtures laid over."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
# By their names among LangGraph's tests.
LAID_OVER = {"conftest.py": HERE / "overlay.py", "services.py": HERE.parent / "services.py"}


def prepared() -> Path:
    """A folder with the tests of the installed LangGraph in `tests/`; raises SystemExit if they cannot be had."""
    name = f"langgraph-{version('langgraph')}"
    folder = CACHE / name
    if not folder.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            _unpack(_download(name, Path(temporary)), Path(temporary))
            (Path(temporary) / name).rename(folder)
    for target, source in LAID_OVER.items():
        shutil.copy(source, folder / "tests" / target)
    return folder


def _download(name: str, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = ["--no-binary", "langgraph", "--dest", str(folder), name.replace("-", "==", 1)]
    if subprocess.run(pip + wanted, check=False).returncode:
        sys.exit(f"the source distribution of {name}, which holds its tests, cannot be downloaded; see pip's message")
    return next(folder.glob("*.tar.gz"))


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        # The package itself stays behind: what is tested is the installed one.
        tar.extractall(folder, members=_tests_in(tar), filter="data")
    tests = next(folder.glob("*/tests"))
    (tests / "conftest.py").rename(tests / "official.py")


def _tests_in(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (member for member in tar if member.name.split("/")[1] in ("tests", "pyproject.toml"))
