"""`python -m et_platform.simulator --data DIR`: the same as `etp sim`. Nothing else belongs here."""

from et_platform.simulator.cli import sim

if __name__ == "__main__":
    sim(prog_name="python -m et_platform.simulator")
