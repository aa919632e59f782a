"""Errors a user can do something about: one clear line each, with the exit code it ends the command with."""


class UserError(Exception):
    """Something the user can mend; the text says what is wrong and what to do."""

    exit_code = 1


class StoppedError(UserError):
    """A run that failed in the middle and can be resumed."""

    def __init__(self, thread_id: str, text: str) -> None:
        super().__init__(text)
        self.thread_id = thread_id


class UsageError(UserError):
    """The command or its input does not fit."""

    exit_code = 2
