"""A board's flash and its littlefs, whose power fails where a test says (rules W7, W14).

    from .flash_cut import Flash, PowerCut, cuts
    flash = Flash()                      # formatted, empty
    with flash.mounted() as fs:          # as `os` and `open` of a board, see Files
        account.save(text, "srvphone.json", fs)
    flash.fail_after(300)                # the 301st byte is not programmed any more
    with pytest.raises(PowerCut), flash.mounted() as fs: ...
    flash.power_on()                     # what is in the flash has stayed; mount it again

    for flash in cuts(before, work): ... # the flash after each possible cut, powered on again

How it dies, as the flash chips of boards do: a byte has been programmed or it has not; the write
that is under way at a count of operations is done to its half, and so is an erasure, of which the
rest keeps what it was. A flash is programmed where it was erased, else it is an OSError.

The figures are those of MicroPython's VfsLfs2 (extmod/vfs_lfsx.c): on ESP32 reads and writes of 32
bytes, on RP2 writes of 256; the cache is four times the larger, blocks have 4,096 bytes, and a
block of metadata moves on after 100 erasures.
"""

import contextlib

from littlefs import LittleFS, LittleFSError, lfs

BLOCK = 4096
_IO = -5  # LFS_ERR_IO
_TYPES = {1: 0x8000, 2: 0x4000}  # of littlefs: of os.stat


class PowerCut(BaseException):
    """No power: nothing of the program goes on. No Exception, so that nobody handles it."""


class Flash:
    """The flash itself: what littlefs-python calls a context."""

    def __init__(self, image=None, blocks=32, program=32):
        self.program = program  # bytes of the smallest write
        self.image = bytearray(image or b"\xff" * BLOCK * blocks)
        self.power_on()
        if image is None:
            self._littlefs().format()

    def copy(self):
        return Flash(self.image, program=self.program)

    def power_on(self):
        self.dead = False
        self.programmed = self.operations = 0  # since power on: bytes; writes and erasures
        self._bytes = self._left = None

    def fail_after(self, programmed=None, operations=None):
        """The power fails after so many bytes, or in the operation after so many."""
        self.power_on()
        self._bytes, self._left = programmed, operations

    def _littlefs(self):
        return LittleFS(
            context=self,
            mount=False,
            block_size=BLOCK,
            block_count=len(self.image) // BLOCK,
            read_size=32,
            prog_size=self.program,
            cache_size=4 * max(32, self.program),
            lookahead_size=32,
            block_cycles=100,
        )

    @contextlib.contextmanager
    def mounted(self):
        """Files; LittleFSError if that is no littlefs. Never unmounted, as on a board."""
        littlefs = self._littlefs()
        littlefs.mount()
        yield Files(littlefs, self)

    # What littlefs calls

    def read(self, cfg, block, off, size):
        start = block * BLOCK + off
        return self.image[start : start + size]

    def prog(self, cfg, block, off, data):
        start = block * BLOCK + off
        if self.image[start : start + len(data)].strip(b"\xff"):
            return _IO  # it was not erased before
        done = self._done(len(data))
        self.image[start : start + done] = data[:done]
        self.programmed += done
        return _IO if self.dead else 0

    def erase(self, cfg, block):
        done = self._done(BLOCK, erase=True)
        self.image[block * BLOCK : block * BLOCK + done] = b"\xff" * done
        return _IO if self.dead else 0

    def sync(self, cfg):
        return _IO if self.dead else 0

    def _done(self, size, erase=False):
        # How many of the bytes are done before the power fails
        if self.dead:
            return 0
        self.operations += 1
        if self._left is not None and self.operations > self._left:
            self.dead = True
            return size // 2
        if self._bytes is not None:
            if erase and self._bytes == self.programmed:
                self.dead = True
                return size // 2
            if not erase and self.programmed + size > self._bytes:
                self.dead = True
                return self._bytes - self.programmed
        return size


def cuts(before, work, by="operations"):
    """The flash after each cut of `work(fs)`, which finds the flash `before` mounted: at each of
    its operations, or `by` "programmed" at each byte. Powered on again, and mountable or not."""
    whole = before.copy()
    with whole.mounted() as fs:
        work(fs)
    for n in range(getattr(whole, by)):
        flash = before.copy()
        flash.fail_after(**{by: n})
        try:
            with flash.mounted() as fs:
                work(fs)
        except PowerCut:
            pass
        assert flash.dead, "%d of %d %s were done without a cut" % (n, getattr(whole, by), by)
        flash.power_on()
        yield flash


class Files:
    """`os` and `open` of a board, over a littlefs; OSError as there, PowerCut where it failed."""

    def __init__(self, littlefs, flash):
        self._littlefs, self._flash = littlefs, flash

    def _do(self, action, *arguments):
        if self._flash.dead:
            raise PowerCut
        try:
            return action(self._littlefs.fs, *arguments)
        except LittleFSError as e:
            if self._flash.dead:
                raise PowerCut from None
            raise OSError(-e.code, str(e)) from None

    def open(self, path, mode="r"):
        return _File(self._do, path, mode)

    def rename(self, old, new):
        self._do(lfs.rename, old, new)

    def remove(self, path):
        self._do(lfs.remove, path)

    rmdir = remove

    def mkdir(self, path):
        self._do(lfs.mkdir, path)

    def stat(self, path):
        """As `os.stat`: a folder has 0x4000 in [0]; the size is [6]."""
        found = self._do(lfs.stat, path)
        return (_TYPES[found.type], 0, 0, 0, 0, 0, found.size, 0, 0, 0)

    def ilistdir(self, path="/"):
        folder = self._do(lfs.dir_open, path)
        found = iter(lambda: self._do(lfs.dir_read, folder), None)
        found = [(it.name, _TYPES[it.type], 0, it.size) for it in found if it.name.strip(".")]
        self._do(lfs.dir_close, folder)
        return iter(found)

    def listdir(self, path="/"):
        return [entry[0] for entry in self.ilistdir(path)]


class _File:
    """A file, unbuffered as MicroPython's, which hands each write to littlefs."""

    def __init__(self, do, path, mode):
        self._do, self._text = do, "b" not in mode
        # "w" of littlefs-python is what MicroPython's is: O_WRONLY | O_CREAT | O_TRUNC
        self._handle = do(lfs.file_open, path, mode.replace("b", ""))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def read(self, size=-1):
        if size < 0:
            size = self._do(lfs.file_size, self._handle)
        data = self._do(lfs.file_read, self._handle, size)
        return data.decode() if self._text else data

    def write(self, data):
        return self._do(lfs.file_write, self._handle, data.encode() if self._text else bytes(data))

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset, whence=0):
        return self._do(lfs.file_seek, self._handle, offset, whence)

    def flush(self):
        self._do(lfs.file_sync, self._handle)

    def close(self):
        handle, self._handle = self._handle, None
        if handle:
            self._do(lfs.file_close, handle)
