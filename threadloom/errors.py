"""Errors a user can do something about: one clear line each, with the exit code it ends the command with."""


class UserError(Exception):
    """Something the user can mend; the text says what is wrong and what to do."""

    exit_code = 1


class UsageError(UserError):
    """The command or its input does not fit."""

    exit_code = 2
