"""The channel versions of another saver, made such that each names one value.

Here a value is found by its channel and version. LangGraph's own versions end in a random part, so no two values share
one. Others may: numbers, which two forks of a checkpoint count up alike, or the version that is made up for what was to
be sent before format 4. Where two values do, the later one gets a version of its own, a little greater.

Numbers become strings of the usual form on the way. No saver of today could go on from a thread with numbers: the next
version would be a string, and LangGraph compares it with the others.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from langgraph.checkpoint.serde.types import TASKS

from threadloom.checkpoints.sources.source import Encoded

Version = str | int | float


class Numbering:
    """The versions of one namespace, checkpoint after checkpoint.

    What is kept grows with the number of values only where versions are not LangGraph's usual ones.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Version, str]] = {}
        self._first: dict[tuple[str, str], bytes] = {}

    def versions(
        self, checkpoint: Mapping[str, Any], values: Mapping[str, Encoded]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The version here of every channel, and those of the channels whose values are new.

        Args:
            checkpoint: as it was stored, with its `channel_versions`.
            values: by channel, as `StoredCheckpoint` has them.
        """
        # The least of all versions changes nothing for the graph, but a value needs one to be found by.
        theirs: dict[str, Version] = dict.fromkeys(values, "") | checkpoint["channel_versions"]
        ours, new = {}, {}
        for channel, version in theirs.items():
            value, last = values.get(channel), self._last.get(channel)
            usual = is_usual(version) and not (channel == TASKS and checkpoint.get("v", 0) < 4)
            if value is None or (usual and last == (version, version)):
                ours[channel] = last[1] if last and last[0] == version else _string(version)
                continue
            ours[channel] = new[channel] = _string(version) if usual else self._own(channel, version, value)
            self._last[channel] = version, ours[channel]
        return ours, new

    def _own(self, channel: str, version: Version, value: Encoded) -> str:
        digest = blake2b(b"%b\0%b" % (value[0].encode(), value[1]), digest_size=8)
        named = _string(version)
        first = self._first.setdefault((channel, named), digest.digest())
        return named if first == digest.digest() else f"{named}.{digest.hexdigest()}"


def seen(checkpoint: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What each node has seen, in the versions here."""
    theirs = checkpoint["channel_versions"]
    return {
        node: {c: ours[c] if theirs.get(c) == version else _string(version) for c, version in channels.items()}
        for node, channels in checkpoint.get("versions_seen", {}).items()
    }


def is_usual(version: Version) -> bool:
    """Whether it is a counter with a random part."""
    return isinstance(version, str) and "." in version


def _string(version: Version) -> str:
    if isinstance(version, str):
        return version
    whole = int(version)
    return f"{whole:032}.{round((version - whole) * 1_000_000):06}"
