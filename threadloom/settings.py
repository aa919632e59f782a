"""Where runs are kept and reports are written."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from threadloom.models.settings import ConfigError, LoomSettings
from threadloom.state.research import Style

if TYPE_CHECKING:
    from threadloom.checkpoints import Encryption


class RunSettings(LoomSettings):
    """`THREADLOOM_DB`, `THREADLOOM_OUT`, … (the fields' names), or the table `[run]` of threadloom.toml."""

    table = "run"

    db: str = Field(default="sqlite:///threadloom.db", description="SQLAlchemy URL of the checkpoint database")
    out: Path = Field(default=Path("reports"), description="Folder for reports")
    encryption_keys: SecretStr | None = Field(default=None, description="Keys of that database: id=key, …")
    encryption_keys_file: Path | None = Field(default=None, description="A file with them, one a line")
    style: Style = Field(default="apa", description="Citation style")

    def encryption(self) -> "Encryption | None":
        """What encrypts the database, if anything does.

        Raises:
            ConfigError: keys are given twice.
            EncryptionError: what is given are no keys, or a file that cannot be read.
        """
        from threadloom.checkpoints import Encryption

        if self.encryption_keys and self.encryption_keys_file:
            raise ConfigError("settings: encryption_keys and encryption_keys_file are both given; leave one out")
        if self.encryption_keys_file:
            return Encryption.read(self.encryption_keys_file)
        return Encryption.parse(self.encryption_keys.get_secret_value()) if self.encryption_keys else None
