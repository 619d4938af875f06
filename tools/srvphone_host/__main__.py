"""`python -m srvphone_host` is the `srvphone` command."""

import sys

from srvphone_host.cli import main

sys.exit(main())
