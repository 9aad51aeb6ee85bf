"""`python -m tensorbond` is the command `tensorbond`."""

from tensorbond.cli import main

main(prog_name="tensorbond")
