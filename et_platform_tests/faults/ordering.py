"""Ordering faults from a simulator's ready line, and asserting that they struck."""

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests


@dataclass
class Faults:
    """The faults of one running simulator."""

    info: Mapping[str, Any]

    def order(self, do: str, **order: Any) -> dict[str, Any]:
        reply = requests.post(
            f"{self.info['rest_url']}sim/fault",
            json={"do": do, **order},
            auth=(self.info["client_id"], self.info["client_secret"]),
            timeout=60,
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    def add(self, effect: str, **fields: Any) -> str:
        """Order one; its name."""
        return self.order("add", faults=[{"effect": effect, **fields}])["added"][0]

    def release(self, *names: str) -> None:
        self.order("release", names=list(names))

    def clear(self, *names: str) -> None:
        self.order("clear", names=list(names))

    def shown(self, name: str) -> dict[str, Any]:
        return next(one for one in self.order("list")["faults"] if one["name"] == name)

    def strikes(self, name: str | None = None) -> list[dict[str, Any]]:
        return [one for one in self.order("list")["strikes"] if name in (None, one["name"])]

    @contextmanager
    def striking(self, effect: str, *, strikes: int | None = None, **fields: Any):
        """Order a fault for a block, and see that it struck: so many times, or at least once."""
        name = self.add(effect, **fields)
        try:
            yield name
            struck = self.shown(name)["struck"]
            assert struck == strikes if strikes is not None else struck, f"{effect} struck {struck} times"
        finally:
            self.clear(name)
