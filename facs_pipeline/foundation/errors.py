"""The package's one family of errors: each message names the thing, what was expected, what was found, what to do."""


class FacsError(Exception):
    """Something the user can act on; the command line prints its text without a traceback."""


class InputError(FacsError):
    """A file, table or option that cannot be used as given."""


class BusyError(FacsError):
    """Another run holds what this one needs; later the same command works."""


class VideoError(FacsError):
    """A video that cannot be decoded."""


class ModelError(FacsError):
    """A model file that is cut, changed, of a newer version, of another kind, or a pickle."""


class ArgumentError(InputError):
    """An argument that does not go with the other arguments or with the data.

    Parameters
    ----------
    text : str
        What is wrong, and what was expected.
    argument : str
        Name of the argument; empty where several contradict each other. A command names its own option instead.
    """

    def __init__(self, text: str, argument: str = "") -> None:
        super().__init__(text)
        self.argument = argument
