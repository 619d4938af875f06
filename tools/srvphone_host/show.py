"""The demo and the lab on a terminal, by rich: rows as they come, and what is waited for.

Without a terminal (a pipe, CI) the same rows come as plain lines, as wide as they are.
"""

import re

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srvphone_host import demo, sentences, table

_STYLES = {"DNS": "cyan", "SIP": "default"}
_FAILOVER = re.compile(r"G1[4-6]|G1[89]|G2[0-3]|W")
_PLAIN_WIDTH = 240  # without a terminal nothing is wrapped


def console(stderr=False):
    out = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    return (
        out
        if out.is_terminal
        else Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=_PLAIN_WIDTH)
    )


class Live(demo.Show):
    """`with Live(console()) as show:` the table of a running phone. Of the phone's own notes only
    those on fail-over and trouble, unless `notes` wants all, as sentences, unless `raw` wants what
    the phone sends; `status` shows what is waited for, which gets in the way of typing."""

    def __init__(self, out, notes=False, status=True, raw=False):
        self.out, self.notes, self.raw = out, notes, raw
        self._teller = sentences.Teller()
        self._status = out.status("") if status and out.is_terminal else None

    def __enter__(self):
        self._print(table.HEADERS, "bold")
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *exception):
        if self._status:
            self._status.stop()

    def row(self, row):
        style = "red" if row.info.startswith("Status: ") and row.info[8] in "3456" else ""
        self._print(row.cells(), style or _STYLES[row.protocol])

    def note(self, line):
        text = self._teller.tell(line.rule, line.event, line.text)
        if not self.notes and not _FAILOVER.match(line.rule):
            return
        if self.raw:
            text = " ".join(line[1:4]).rstrip()
        self._print(["", "%.3f" % line.time, table.printable(text)], "dim")

    def act(self, text):
        self._print(["", "", "*** %s ***" % text], "bold yellow")

    def waiting(self, text):
        if self._status:
            self._status.update(text)

    def _print(self, cells, style):
        grid = Table.grid(padding=(0, 1, 0, 0))
        for i, width in enumerate(table.WIDTHS[: len(cells) - 1]):
            grid.add_column(width=width, no_wrap=True, justify="right" if i in (0, 1, 5) else None)
        grid.add_column(overflow="fold")
        grid.add_row(*(Text(c, style=style) for c in cells))
        self.out.print(grid)
