"""Errors a user can do something about: one clear line each, with the exit code it ends the command with."""


class UserError(Exception):
    """Something the user can mend; the text says what is wrong and what to do."""

    exit_code = 1
    status = "failed"
    """What `--json` says instead of a run's status."""


class StoppedError(UserError):
    """A run that has not come to its end, and where that leaves it: mostly failed, to be resumed."""

    def __init__(self, thread_id: str, text: str, status: str = "failed") -> None:
        super().__init__(text)
        self.thread_id, self.status = thread_id, status


class UsageError(UserError):
    """The command or its input does not fit."""

    exit_code = 2
    status = "refused"
