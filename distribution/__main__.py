"""``python -m distribution`` is the ``distribution`` command."""

from distribution.cli import main

if __name__ == "__main__":
    main(prog_name="distribution")
