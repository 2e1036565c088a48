"""Errors that a user can mend: one line, and the exit code of docs/exit-codes.md."""

from enum import IntEnum


class ExitCode(IntEnum):
    DONE = 0
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    CANNOT_CREATE = 73
    IO = 74


class OrographError(Exception):
    """What is wrong, where, what to do; `exit_code` is what a program ends with."""

    def __init__(self, exit_code: ExitCode, message: str):
        super().__init__(message)
        self.exit_code = exit_code
