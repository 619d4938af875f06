"""The `srvphone` command and what it needs, for CPython 3.9 and newer."""
