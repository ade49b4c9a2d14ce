"""What goes wrong for the operator: one sentence and an exit code, never a traceback."""


class Trouble(Exception):
    """It ran and found a problem (exit code 1). The message is the sentence the operator reads."""

    code = 1


class Misuse(Trouble):
    """It was used wrongly (exit code 2), and nothing was done."""

    code = 2
