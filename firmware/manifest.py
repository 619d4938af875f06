"""What is frozen of the phone, on every board: boards/<NAME>/manifest.py includes it.

A frozen main.py runs before one in the file system, which then never runs (shared/runtime/
pyexec.c). All else that `make flash` puts there does go before what is frozen, since `sys.path`
begins with "": a frozen phone can be updated like another, but for these few lines.
"""

package("srvphone", opt=3)
module("main.py", opt=3)
