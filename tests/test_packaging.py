"""What users install is all of it, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ("state", "models", "tools", "nodes", "graphs", "checkpoints")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Path(line) for line in listed.splitlines() if (ROOT / line).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the tracked files alone, so that leftovers in the folder cannot hide a gap."""
    copy, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for path in tracked():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(dist.glob("*.whl"))


def shipped(path: Path) -> bool:
    return path.parts[0] in (*HOUSE, "threadloom") and path.suffix in (".py", ".json", ".csl", ".md", ".typed")


def test_the_wheel_holds_every_module_and_data_file_under_one_name(wheel: Path) -> None:
    expected = {
        path.as_posix() if path.parts[0] == "threadloom" else f"threadloom/{path.as_posix()}"
        for path in tracked()
        if shipped(path)
    }
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == expected


def test_the_wheel_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import threadloom.graphs.research as r, threadloom.checkpoints as c, threadloom.tools.library.catalogue as l;"
        "print(r.__file__, len(l.bundled()))"
    )
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    file, count = done.stdout.split()
    assert Path(file).is_relative_to(tmp_path)
    assert int(count) >= 40
