"""`python -m et_platform.dbt`: make the models' manifest now, so that nobody waits for it when definitions load.

What belongs here: that command, for installations and images. What does not: anything else.
"""

import sys

from et_platform import settings
from et_platform.dbt.errors import DbtError
from et_platform.dbt.project import find_project, manifest


def main() -> None:
    """Make the manifest of the project that the settings name, unless it is fresh."""
    try:
        project = find_project(settings.load())
        if project is not None:
            manifest(project)
    except (DbtError, settings.SettingsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
