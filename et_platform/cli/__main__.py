"""`python -m et_platform.cli` is `etp`; nothing else belongs here."""

from et_platform.cli.main import main

if __name__ == "__main__":
    main()
