"""``python -m ael`` is ``ael``."""

from ael.cli import main

main()
