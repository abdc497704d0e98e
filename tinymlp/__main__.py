"""``python -m tinymlp`` is the command ``tinymlp``."""

import sys

from .cli import main

sys.exit(main())
