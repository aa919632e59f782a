"""Where runs are kept and reports are written."""

from pathlib import Path

from pydantic import Field

from threadloom.models.settings import LoomSettings
from threadloom.state.research import Style


class RunSettings(LoomSettings):
    """`THREADLOOM_DB`, `THREADLOOM_OUT`, `THREADLOOM_STYLE`, or the table `[run]` of threadloom.toml."""

    table = "run"

    db: str = Field(default="sqlite:///threadloom.db", description="SQLAlchemy URL of the checkpoint database")
    out: Path = Field(default=Path("reports"), description="Folder for reports")
    style: Style = Field(default="apa", description="Citation style")
