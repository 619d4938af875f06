"""The crash file (W12): bounded, newest first, a count in a row, and what a power cut leaves."""

from srvphone.board.crash import Crashes


class Files:
    """A file system: a dict of bytes. `full`: every write fails. `cut`: the power goes after so
    many bytes written."""

    def __init__(self, *files):
        self.files = dict(files)
        self.full = False
        self.cut = None
        self.renames = 0

    def open(self, path, mode):
        if mode == "rb" and path not in self.files:
            raise OSError(2)
        return File(self, path, mode)

    def rename(self, old, new):
        self.renames += 1
        self.files[new] = self.files.pop(old)


class File:
    def __init__(self, fs, path, mode):
        self.fs = fs
        self.path = path
        if mode == "wb":
            if fs.full:
                raise OSError(28)
            fs.files[path] = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def read(self, most=-1):
        data = self.fs.files[self.path]
        return data if most < 0 else data[:most]

    def write(self, data):
        fs = self.fs
        if fs.cut is not None:
            data = data[: fs.cut]
            fs.cut -= len(data)
        fs.files[self.path] += data
        if fs.cut == 0:
            raise KeyboardInterrupt  # no OSError: nothing goes on after it


def text(fs):
    return fs.files["crash.txt"].decode()


def test_w12_three_crashes_in_a_row_start_with_the_network_off():
    fs = Files()
    for _ in range(3):
        crashes = Crashes(fs)
        assert not crashes.begin(True)  # rp2 shows a reset as if the watchdog had bitten
        crashes.crashed("Traceback\nValueError: x\n")
    assert Crashes(fs).begin(True)
    crashes = Crashes(fs)
    assert not crashes.begin(False)  # the next start is one more try,
    crashes.crashed("Traceback\n")
    assert Crashes(fs).begin(False)  # and only one
    assert text(fs).count("ValueError") == 3 and "watchdog" not in text(fs)


def test_w12_a_calm_while_sets_the_count_back():
    fs = Files()
    for _ in range(6):
        crashes = Crashes(fs)
        assert not crashes.begin(False)
        crashes.crashed("Traceback\n")
        crashes = Crashes(fs)
        assert not crashes.begin(False)
        crashes.calm()
        crashes.crashed("Traceback\n")
        assert text(fs).startswith("crashes 1\n")
        crashes = Crashes(fs)
        crashes.begin(False)
        crashes.calm()
    wrote = fs.renames
    crashes.calm()  # nothing new: the flash is spared
    assert fs.renames == wrote


def test_w12_a_bite_of_the_watchdog_is_a_crash_but_a_power_cut_is_none():
    fs = Files()
    for _ in range(9):
        assert not Crashes(fs).begin(False)  # the mark of a run is there, and no end of it
    assert text(fs) == "crashes 0 running\n"
    for _ in range(2):
        assert not Crashes(fs).begin(True)
    assert Crashes(fs).begin(True)
    assert text(fs) == "crashes 2\n" + 3 * "watchdog\n"
    assert not Crashes(fs).begin(True)  # that run was none


def test_w12_an_end_is_no_crash():
    fs = Files()
    for _ in range(5):
        crashes = Crashes(fs)
        assert not crashes.begin(True)
        crashes.end()
    assert text(fs) == "crashes 0\n"


def test_w12_the_file_is_bounded_and_the_newest_stands_first():
    fs = Files()
    for i in range(40):
        crashes = Crashes(fs)
        crashes.begin(False)
        crashes.calm()
        crashes.crashed("Traceback %d\n%s\n" % (i, "x" * 90))
    assert len(fs.files["crash.txt"]) <= 2048
    assert text(fs).startswith("crashes 1\nTraceback 39\n")
    assert 0 < text(fs).find("Traceback 38\n") < text(fs).find("Traceback 30\n")
    assert "Traceback 1\n" not in text(fs)
    crashes.crashed("y" * 5000)
    assert len(fs.files["crash.txt"]) == 2048


def test_w12_a_damaged_file_counts_as_none():
    for damaged in (
        b"",
        b"\n",
        b"crashes",
        b"crashes x running\n",
        b"crashes \xff\n",
        b"\xff" * 3000,
        b"crashed 3\nTraceback\n",
        bytes(2048),
    ):
        fs = Files(("crash.txt", damaged))
        assert not Crashes(fs).begin(True), damaged
        assert text(fs).startswith("crashes 0 running\n"), damaged
    fs = Files(("crash.txt", b"crashes 999999999999 running\nTraceback\n"))
    assert Crashes(fs).begin(False)
    assert text(fs) == "crashes 2\nTraceback\n"


def test_w12_a_disk_that_is_full_stops_nobody():
    fs = Files()
    fs.full = True
    crashes = Crashes(fs)
    assert not crashes.begin(True)
    crashes.crashed("Traceback\n")
    crashes.calm()
    crashes.end()
    assert fs.files == {}


def test_w12_power_cut_while_it_is_written_leaves_the_old_file_or_the_new_one():
    for cut in range(1, 40):
        fs = Files(("crash.txt", b"crashes 1\nTraceback\n"))
        crashes = Crashes(fs)
        fs.cut = cut
        try:
            crashes.begin(False)
        except KeyboardInterrupt:
            pass
        assert text(fs) in ("crashes 1\nTraceback\n", "crashes 1 running\nTraceback\n")
