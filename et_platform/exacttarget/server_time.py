"""Times as the service writes them.

Belongs here: reading and writing them. Does not: `SERVER_TIME` itself, a value that callers need (`models.py`).
"""

from datetime import datetime

from et_platform.exacttarget.models import SERVER_TIME


def read_server_time(text: str | None) -> datetime | None:
    """A time as the service writes it; without an offset it is server time [D]. None if it is no time.

    The WSDL types these as strings [W]; ISO and the US form `M/d/yyyy h:mm:ss AM` have both been seen [D][R].
    """
    if not text or not text.strip():
        return None
    for read in (datetime.fromisoformat, _us_time):
        try:
            found = read(text.strip())
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=SERVER_TIME)
    return None


def write_server_time(moment: datetime) -> str:
    """`11/1/2026 6:00:00 PM`, in server time: the spelling of the documentation [D]. `moment` must be aware."""
    local = moment.astimezone(SERVER_TIME)
    half = "AM" if local.hour < 12 else "PM"
    return f"{local.month}/{local.day}/{local.year} {local.hour % 12 or 12}:{local:%M:%S} {half}"


def _us_time(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=SERVER_TIME)
