"""What can go wrong with dbt, in words for people.

What belongs here: errors whose message is a paragraph, free of customers' values. What does not: raising them.
"""


class DbtError(Exception):
    """Something about the models needs a person; the message says what, and what to do."""


class ProjectMissing(DbtError):
    """There is no dbt project where one was expected."""


class ProjectBroken(DbtError):
    """dbt cannot read the project: a mistake in SQL, Jinja or YAML, named by file."""


class BuildFailed(DbtError):
    """A model could not be built, or a test failed that holds back what depends on it."""
