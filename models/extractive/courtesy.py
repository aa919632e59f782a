"""Greetings and thanks: messages that ask for nothing, and the answer a polite person gives to them."""

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
_MOST = 15
"""Words; who writes more says something."""
GREETING = "Hello. What can I help you with?"
WELCOME = "You are welcome. If there is anything else, just write."


def courtesy(text: str) -> str:
    """What to answer to a message that only greets or thanks; empty for one that says anything else."""
    said = {fold(word).replace("'", "").replace("’", "") for word in words(text)}
    if not said or len(words(text)) > _MOST or not said <= _HELLO | _THANKS | _BESIDE:
        return ""
    return WELCOME if said & _THANKS else GREETING if said & _HELLO else ""
