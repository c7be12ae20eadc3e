"""The package's one family of errors: each message names the thing, what was expected, what was found, what to do."""


class FacsError(Exception):
    """Something the user can act on; the command line prints its text without a traceback."""


class InputError(FacsError):
    """A file, table or option that cannot be used as given."""


class VideoError(FacsError):
    """A video that cannot be decoded."""


class ModelError(FacsError):
    """A model file that is cut, changed, of a newer version, of another kind, or a pickle."""
