"""Files in one folder: nothing gets out, nothing is lost, everything is bounded."""

import json
import os
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool

from threadloom.tools.workspace import workspace as module
from threadloom.tools.workspace.path import WorkspaceError
from threadloom.tools.workspace.tools import workspace_tools
from threadloom.tools.workspace.workspace import Entry, Workspace

OUTSIDE = "secret of the house"


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """With a file outside, beside it."""
    (tmp_path / "secret.txt").write_text(OUTSIDE)
    (tmp_path / "other").mkdir()
    return Workspace(tmp_path / "work")


def untouched(work: Workspace) -> bool:
    beside = work.root.parent
    return (beside / "secret.txt").read_text() == OUTSIDE and sorted(
        path.name for path in beside.rglob("*") if path.parent != work.root and work.root not in path.parents
    ) == ["other", "secret.txt", "work"]


def test_write_read_append(work: Workspace) -> None:
    work.write("notes/tea.md", "Grün\n")
    work.append("notes/tea.md", "schwarz\n")
    work.append("new.md", "x")
    assert work.read("./notes//tea.md") == "Grün\nschwarz\n"
    assert work.files() == [Entry("new.md", 1), Entry("notes/tea.md", 14)]
    assert work.files("notes/") == [Entry("notes/tea.md", 14)]
    with pytest.raises(WorkspaceError, match="is there already"):
        work.write("new.md", "y")
    work.write("new.md", "x")  # a step that is repeated after a crash
    work.write("new.md", "y", replace=True)
    assert work.read("new.md") == "y"
    assert sorted(path.name for path in work.root.rglob("*")) == ["new.md", "notes", "tea.md"]


ESCAPES = [
    "../secret.txt",
    "notes/../../secret.txt",
    "/etc/passwd",
    "~/x",
    "..",
    ".git/hooks/pre-commit",
    ".bashrc",
    "a\0b",
    "a\nb",
    "..\\secret.txt",
    "a\\b",
    "\u202etxt.exe",
    "x" * 201,
    "/".join("x" * 30),
    "",
    ".",
    " / ",
    "\ud800",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_paths_that_are_refused(path: str, work: Workspace) -> None:
    for attempt in (work.read, lambda path: work.write(path, "x", replace=True), lambda path: work.append(path, "x")):
        with pytest.raises(WorkspaceError):
            attempt(path)
    assert untouched(work)


@given(st.lists(st.sampled_from(["..", ".", "/", "//", "a", "link", "~", "\0", "\\", " ", ".x"]), max_size=8))
def test_no_path_gets_out(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    beside = tmp_path_factory.mktemp("beside")
    work = Workspace(beside / "work")
    (work.root / "link").symlink_to(beside)
    for attempt in ("".join(pieces), "/".join(pieces)):
        for write in (work.append, lambda path, text: work.write(path, text, replace=True)):
            try:
                write(attempt, "x")
            except WorkspaceError:
                continue
    assert [path.name for path in beside.iterdir()] == ["work"]
    assert (work.root / "link").is_symlink()


def test_links_are_not_followed(work: Workspace) -> None:
    beside = work.root.parent
    (work.root / "file").symlink_to(beside / "secret.txt")
    (work.root / "folder").symlink_to(beside)
    (work.root / "loop").symlink_to("loop")
    for path in ("file", "folder/secret.txt", "folder/work/x", "loop"):
        with pytest.raises(WorkspaceError):
            work.read(path)
    for path in ("folder/new", "folder/other/new", "file/new"):
        with pytest.raises(WorkspaceError):
            work.write(path, "x", replace=True)
    with pytest.raises(WorkspaceError, match="it is a link"):
        work.append("file", "x")
    assert work.files() == []
    assert list(work.search("secret")) == []
    with pytest.raises(WorkspaceError):
        work.files("folder")
    assert untouched(work)


def test_a_folder_that_becomes_a_link_leads_nowhere(work: Workspace) -> None:
    """Somebody swaps a folder for a link to the outside, over and over, while we write and read."""
    beside = work.root.parent
    (work.root / "swap").mkdir()
    (beside / "other" / "x").write_text(OUTSIDE)
    link, folder = work.root / "swap", work.root / "away"
    (work.root / "link").symlink_to(beside / "other")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            link.rename(folder)
            with suppress(OSError):  # the writer has made the folder anew
                (work.root / "link").rename(link)
                link.rename(work.root / "link")
            while folder.exists():
                shutil.rmtree(link, ignore_errors=True)
                with suppress(OSError):
                    folder.rename(link)

    with ThreadPoolExecutor(1) as pool:
        swapping = pool.submit(swap)
        for number in range(300):
            try:
                work.write("swap/x", str(number), replace=True)
                assert work.read("swap/x") != OUTSIDE
            except WorkspaceError:
                continue
        done.set()
        swapping.result()
    assert (beside / "other" / "x").read_text() == OUTSIDE
    assert [path.name for path in (beside / "other").iterdir()] == ["x"]


def test_what_is_no_file_is_not_opened(work: Workspace) -> None:
    """A pipe would wait for its other end, a device would never end."""
    os.mkfifo(work.root / "pipe")
    (work.root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(work.root)  # the path of a socket may have 100 characters
        listener.bind("socket")
        os.chdir(here)
        for path in ("pipe", "folder", "socket"):
            for attempt in (work.read, lambda path: work.append(path, "x"), lambda path: work.write(path, "x")):
                with pytest.raises(WorkspaceError):
                    attempt(path)
    assert work.files() == []


def test_other_files_are_left_out(work: Workspace) -> None:
    (work.root / "data.bin").write_bytes(b"\xff\xfe tea")
    (work.root / ".env").write_text("tea")
    (work.root / os.fsdecode(b"\xff.txt")).write_text("tea")
    with pytest.raises(WorkspaceError, match="not a text file"):
        work.read("data.bin")
    assert [entry.path for entry in work.files()] == ["data.bin"]
    assert list(work.search("tea")) == []


def test_limits(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_FILE", 100)
    monkeypatch.setattr(module, "MOST_OF_ALL", 250)
    monkeypatch.setattr(module, "MOST_FILES", 3)
    with pytest.raises(WorkspaceError, match="a file may have 100 bytes; this would be 101"):
        work.write("a", "x" * 101)
    work.write("a", "x" * 60)
    with pytest.raises(WorkspaceError, match="this would be 120"):
        work.append("a", "x" * 60)
    work.write("b", "x" * 100)
    with pytest.raises(WorkspaceError, match="the workspace is full"):
        work.write("c", "x" * 100)
    work.write("a", "y" * 100, replace=True)
    work.write("c", "x")
    with pytest.raises(WorkspaceError, match="the workspace is full"):
        work.write("d", "x")
    work.write("c", "", replace=True)
    (work.root / "large").write_bytes(bytes(101))
    with pytest.raises(WorkspaceError, match="large has 101 bytes; only files of up to 100 can be used"):
        work.read("large")
    monkeypatch.setattr(module, "MOST_LISTED", 3)
    with pytest.raises(WorkspaceError, match="name a folder"):
        work.files()


def test_writers_take_turns(work: Workspace) -> None:
    """Also writers that know nothing of each other, as in two processes: nothing that was appended is lost."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Workspace(work.root).append("log", f"{number}\n"), range(64)))
        made = list(pool.map(lambda number: _tried(work, "one", str(number)), range(8)))
    assert sorted(work.read("log").split(), key=int) == [str(number) for number in range(64)]
    assert sum(made) == 1


def _tried(work: Workspace, path: str, content: str) -> bool:
    try:
        Workspace(work.root).write(path, content)
    except WorkspaceError:
        return False
    return True


def test_a_crash_leaves_the_old_file(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.write("a", "old")

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            work.write("a", "new", replace=True)
    assert work.read("a") == "old"
    assert work.files() == [Entry("a", 3)]
    work.write("a", "new", replace=True)
    assert [path.name for path in work.root.iterdir()] == ["a"]


def call(work: Workspace, name: str, **args: object) -> str:
    tool: BaseTool = next(tool for tool in workspace_tools(work) if tool.name == name)
    content = tool.invoke({"name": name, "args": args, "id": "1", "type": "tool_call"}).content
    assert isinstance(content, str)
    return content


def test_tools(work: Workspace) -> None:
    assert (
        call(work, "write_file", path="a/tea.md", content="Green tea\nBlack TEA\n")
        == "Wrote 20 characters to a/tea.md."
    )
    assert call(work, "append_to_file", path="a/tea.md", content="Milk\n") == "Put 5 characters at the end of a/tea.md."
    assert json.loads(call(work, "list_files")) == {"files": 1, "found": ["a/tea.md (25 bytes)"]}
    assert json.loads(call(work, "search_files", words="tea")) == {
        "matches": [
            {"path": "a/tea.md", "line": 1, "start": 0, "text": "Green tea"},
            {"path": "a/tea.md", "line": 2, "start": 10, "text": "Black TEA"},
        ]
    }
    assert json.loads(call(work, "read_file", path="a/tea.md", start=10)) == {
        "path": "a/tea.md",
        "text": "Black TEA\nMilk\n",
        "start": 10,
        "characters": 25,
    }
    assert call(work, "read_file", path="../secret.txt") == "names that begin with a dot are not available"
    assert call(work, "read_file", path="b") == "there is no b"
    assert call(work, "write_file", path="a/tea.md", content="x").startswith("a/tea.md is there already")
    assert call(work, "write_file", path="b", content="\ud800").startswith("bad arguments: content")
    assert call(work, "read_file", file="a").startswith("bad arguments: path: Field required")


def test_long_answers_come_in_parts(work: Workspace) -> None:
    whole = "".join(f"line {number} of tea\n" for number in range(2_000))
    call(work, "write_file", path="long", content=whole)
    for number in range(250):
        work.root.joinpath(f"n{number:03}").write_text("no")
    parts: list[str] = []
    start: int | None = 0
    while start is not None:
        part = json.loads(call(work, "read_file", path="long", start=start))
        parts.append(part["text"])
        start = part.get("next_start")
    assert "".join(parts) == whole
    assert max(map(len, parts)) <= 8_000
    listed = json.loads(call(work, "list_files"))
    assert (listed["files"], len(listed["found"]), listed["next_start"]) == (251, 200, 200)
    assert len(json.loads(call(work, "list_files", start=200))["found"]) == 51
    found = json.loads(call(work, "search_files", words="of tea"))
    assert (len(found["matches"]), found["next_start"]) == (50, 50)
    assert json.loads(call(work, "search_files", words="of tea", start=1_990))["matches"][-1]["line"] == 2_000
    assert call(work, "read_file", path="long", start=10**9).startswith("there is no character 1,000,000,000")


def test_a_workspace_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="cannot be made"):
        Workspace(tmp_path / "file" / "work")
    work = Workspace(tmp_path / "work")
    work.root.rmdir()
    with pytest.raises(WorkspaceError, match="the workspace cannot be opened: No such file"):
        work.files()
