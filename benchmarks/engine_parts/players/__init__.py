"""Who is measured: one file each, with ``versions()`` and ``prepare(problem)``.

``prepare`` returns the work to be timed and a function that gives its result as two numbers (see
:func:`engine_parts.problem.checksum`), or raises :class:`Unsupported` with the reason.
"""


class Unsupported(Exception):
    """The player has no such computation; the message says what it lacks."""
