"""Greetings, thanks and praise: messages that ask for nothing, and the answer a polite person gives to them."""

import re

from threadloom.models.extractive.mood import feeling
from threadloom.models.extractive.text import fold, words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HELLO = _words("""
hello hi hey hiya howdy greetings welcome morning afternoon evening hallo hola bonjour ciao salut servus moin
""")
_THANKS = _words("""
thanks thank thx ty cheers bye goodbye farewell merci danke gracias grazie obrigado obrigada
""")
_BESIDE = _words("""
a again all an and are can day do everyone fixed for fine glad good got great have help helped how i is it its just
lovely lot lots me much my need nice now of ok okay perfect please question really so solved some team that thats the
there this to today very was well with worked works you your
""")
"""What may stand beside them; "not", "but" and "nothing" may not."""
_ASKS = _words("""
add although anyone apart aside ask besides but can cancel cannot cant change could delete didnt doesnt dont except
expect fix give hope hoping how however if instead isnt let make may might move must need never no
nobody not nothing only otherwise please refund remove return send should show someone still stop tell though unless
until update want what whats when where which who why will wish without wont wonder would wouldnt yet
""")
"""With which a sentence of praise asks, wishes or holds something back."""
_CLAUSE = re.compile(r"[.,;:!\n]+|\s[-–—]\s")
_MOST, _MOST_PRAISE = 15, 40
"""Words; who writes more says something."""
GREETING = "Hello. What can I help you with?"
PRAISED = "Thank you for the kind words. If there is anything else, just write."
WELCOME = "You are welcome. If there is anything else, just write."


def courtesy(text: str) -> str:
    """What to answer to a message that only greets or thanks; empty for one that says anything else."""
    said = {fold(word).replace("'", "").replace("’", "") for word in words(text)}
    if not said or len(words(text)) > _MOST or not said <= _HELLO | _THANKS | _BESIDE:
        return ""
    return WELCOME if said & _THANKS else GREETING if said & _HELLO else ""


def kindness(text: str) -> str:
    """What a support desk answers to a message that asks for nothing, praise included; empty for any other."""
    return courtesy(text) or (PRAISED if _praises(text) else "")


def _praises(text: str) -> bool:
    """Whether every clause is pleased, and none asks for anything; in doubt not, since no question may be lost."""
    said = [fold(word).replace("'", "").replace("’", "") for word in words(text)]
    if "?" in text or len(said) > _MOST_PRAISE or not _ASKS.isdisjoint(said):
        return False
    clauses = [part for part in _CLAUSE.split(text) if part.strip()]
    telling = [part for part in clauses if not courtesy(part)]
    return bool(telling) and all(feeling(part).sentiment == "positive" for part in telling)
