"""Texts that need no file and no network: names and sentences put together by small grammars of our own.

They are drawn, not collected: no name here was taken from a list of people. The grammar is known, so a
reader can say which regularities a model found.
"""

from __future__ import annotations

import numpy as np

# For each style: beginnings, middles, ends, and how likely a middle is.
NAME_STYLES = {
    "soft": (
        "ae al be ce da ela fi gia ila ja ka li ma na o ri sa ta u vi ya ze mi lo".split(),
        "la li lo ra ri ro na ni no mi ma se sa ve lia ria".split(),
        "a ia elle ine ena is as ora ette ya lin nah".split(),
        0.6,
    ),
    "hard": (
        "bar bor dag dur gar gor hag har kar kor mag mor rag rog tar thor ulf var brun grim ork".split(),
        "da do ga go ka ko ma mo ra ro ba".split(),
        "ak ar dur gar ik mund nar ok rik orn und ald".split(),
        0.35,
    ),
    "short": (
        "b c d f g h j k l m n p r s t v w z ch sh fl br".split(),
        "a e i o u ai ee oo ay".split(),
        "m n l r t s ck d x nn sh m n".split(),
        1.0,
    ),
}

_SUBJECTS = (
    "i you we they tom mary he she the_cat the_dog the_boy the_girl my_father my_mother our_teacher".split()
)
_PLURAL = ("i", "you", "we", "they")
_VERBS = {  # base form: third person, past, what may follow
    "like": ("likes", "liked", "thing"),
    "see": ("sees", "saw", "thing"),
    "want": ("wants", "wanted", "thing"),
    "buy": ("buys", "bought", "goods"),
    "eat": ("eats", "ate", "food"),
    "read": ("reads", "read", "paper"),
    "go to": ("goes to", "went to", "place"),
    "live in": ("lives in", "lived in", "place"),
    "wait for": ("waits for", "waited for", "person"),
    "help": ("helps", "helped", "person"),
    "sleep": ("sleeps", "slept", ""),
    "sing": ("sings", "sang", ""),
}
_OBJECTS = {
    "food": "an apple,some bread,the soup,a cake,an egg".split(","),
    "paper": "a book,the letter,a newspaper,this story".split(","),
    "place": "the city,a small house,the school,the park,boston,the garden".split(","),
    "person": "tom,mary,my friend,the children,her brother,us".split(","),
    "goods": "a car,a red hat,an apple,a book,two tickets,a house".split(","),
    "thing": "the music,a car,this picture,my friend,the garden,a cake,that song".split(","),
}
_WHEN = {
    "now": ",,,every day,on sunday,at home,with her,at night".split(","),
    "then": ",,yesterday,last week,in the morning,a year ago".split(","),
}
SENTENCE_KINDS = ("statement", "negation", "question", "past")


def invented_names(n: int = 4000, seed: int = 0) -> tuple[list[str], list[int]]:
    """`n` different invented names in lower-case letters a to z, and the number of each one's style.

    The styles are the keys of `NAME_STYLES`, drawn in turn.
    """
    rng = np.random.RandomState(seed)
    styles = list(NAME_STYLES.values())

    def name(number: int) -> str:
        start, middle, end, chance = styles[number]
        parts = [_one(start, rng), *([_one(middle, rng)] if rng.rand() < chance else []), _one(end, rng)]
        return "".join(parts)

    return _different(n, len(styles), name)


def invented_sentences(n: int = 6000, seed: int = 0) -> tuple[list[str], list[int]]:
    """`n` different short English sentences of a small grammar, and the number of each one's kind.

    The kinds are `SENTENCE_KINDS`, drawn in turn: "she sings at home.", "she does not sing at home.",
    "does she sing at home?", "she sang yesterday."
    """
    rng = np.random.RandomState(seed)

    def sentence(number: int) -> str:
        kind, subject = SENTENCE_KINDS[number], _one(_SUBJECTS, rng)
        verb = _one(list(_VERBS), rng)
        third, past, follows = _VERBS[verb]
        plural = subject in _PLURAL
        rest = [_one(_OBJECTS[follows], rng)] if follows else []
        rest.append(_one(_WHEN["then" if kind == "past" else "now"], rng))
        do = "do" if plural else "does"
        head = {
            "statement": [subject, verb if plural else third],
            "negation": [subject, do, "not", verb],
            "question": [do, subject, verb],
            "past": [subject, past],
        }[kind]
        words = " ".join(part.replace("_", " ") for part in (*head, *rest) if part)
        return words + ("?" if kind == "question" else ".")

    return _different(n, len(SENTENCE_KINDS), sentence)


def _different(n: int, classes: int, make) -> tuple[list[str], list[int]]:
    """Draw until `n` texts differ, taking the classes in turn."""
    found: dict[str, int] = {}
    number = 0
    while len(found) < n:
        found.setdefault(make(number % classes), number % classes)
        number += 1
    return list(found), list(found.values())


def _one(choices: list[str], rng: np.random.RandomState) -> str:
    return choices[rng.randint(len(choices))]
