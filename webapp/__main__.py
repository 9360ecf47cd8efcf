"""`python -m webapp` is the command `satchel`."""

from webapp.cli import main

main(prog_name="satchel")
