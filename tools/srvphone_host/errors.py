"""What the `srvphone` command tells its user instead of a traceback."""


class LabError(Exception):
    """Something is missing or was asked wrongly; the text names it and says the way out."""
