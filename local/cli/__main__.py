"""`python -m local.cli` is the `footnote` command."""

from local.cli import main

main()
