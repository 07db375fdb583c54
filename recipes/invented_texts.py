"""The texts of `load("invented_names")` and `load("invented_sentences")`, drawn from grammars of our own.

    python -m recipes.invented_texts

They are drawn, not collected: no name here was taken from a list of people. The grammar is known, so a reader
can say which regularities a model found.
"""

from pathlib import Path

import numpy as np

import vae_course.data.text

FOLDER = Path(vae_course.data.text.__file__).parent

# For each style: beginnings, middles, ends, and how likely a middle is.
NAME_STYLES = {
    "soft": (
        "ae al be ce da ela fi gia ila ja ka li ma na o ri sa ta u vi ya ze mi lo",
        "la li lo ra ri ro na ni no mi ma se sa ve lia ria",
        "a ia elle ine ena is as ora ette ya lin nah",
        0.6,
    ),
    "hard": (
        "bar bor dag dur gar gor hag har kar kor mag mor rag rog tar thor ulf var brun grim ork",
        "da do ga go ka ko ma mo ra ro ba",
        "ak ar dur gar ik mund nar ok rik orn und ald",
        0.35,
    ),
    "short": (
        "b c d f g h j k l m n p r s t v w z ch sh fl br",
        "a e i o u ai ee oo ay",
        "m n l r t s ck d x nn sh m n",
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
    "food": "an apple,some bread,the soup,a cake,an egg",
    "paper": "a book,the letter,a newspaper,this story",
    "place": "the city,a small house,the school,the park,boston,the garden",
    "person": "tom,mary,my friend,the children,her brother,us",
    "goods": "a car,a red hat,an apple,a book,two tickets,a house",
    "thing": "the music,a car,this picture,my friend,the garden,a cake,that song",
}
_WHEN = {
    "now": ",,,every day,on sunday,at home,with her,at night",
    "then": ",,yesterday,last week,in the morning,a year ago",
}
SENTENCE_KINDS = ("statement", "negation", "question", "past")


def invented_names(n: int = 4000, seed: int = 0) -> tuple[list[str], list[int]]:
    """`n` different invented names in lower-case letters a to z, and the number of each one's style.

    The styles are the keys of `NAME_STYLES`, drawn in turn.
    """
    styles = [(*map(str.split, style[:3]), style[3]) for style in NAME_STYLES.values()]

    def name(number: int, one, rng) -> str:
        start, middle, end, chance = styles[number]
        return one(start) + (one(middle) if rng.rand() < chance else "") + one(end)

    return _different(n, len(styles), name, seed)


def invented_sentences(n: int = 6000, seed: int = 0) -> tuple[list[str], list[int]]:
    """`n` different short English sentences of a small grammar, and the number of each one's kind.

    The kinds are `SENTENCE_KINDS`, drawn in turn: "she sings at home.", "she does not sing at home.",
    "does she sing at home?", "she sang yesterday."
    """

    def sentence(number: int, one, rng) -> str:
        kind, subject, verb = SENTENCE_KINDS[number], one(_SUBJECTS), one(list(_VERBS))
        third, past, follows = _VERBS[verb]
        plural = subject in _PLURAL
        rest = [one(_OBJECTS[follows].split(","))] if follows else []
        rest.append(one(_WHEN["then" if kind == "past" else "now"].split(",")))
        do = "do" if plural else "does"
        head = {
            "statement": [subject, verb if plural else third],
            "negation": [subject, do, "not", verb],
            "question": [do, subject, verb],
            "past": [subject, past],
        }[kind]
        words = " ".join(part.replace("_", " ") for part in (*head, *rest) if part)
        return words + ("?" if kind == "question" else ".")

    return _different(n, len(SENTENCE_KINDS), sentence, seed)


def _different(n: int, classes: int, make, seed: int) -> tuple[list[str], list[int]]:
    """Draw until `n` texts differ, taking the classes in turn: ``make(class, one of a list, rng)``."""
    rng = np.random.RandomState(seed)
    found: dict[str, int] = {}
    number = 0
    while len(found) < n:
        text = make(number % classes, lambda choices: choices[rng.randint(len(choices))], rng)
        found.setdefault(text, number % classes)
        number += 1
    return list(found), list(found.values())


def lines(name: str) -> str:
    """What the file of that name holds: a line for each text, its class, a tab, and the text."""
    made, classes = {
        "invented_names": (invented_names, tuple(NAME_STYLES)),
        "invented_sentences": (invented_sentences, SENTENCE_KINDS),
    }[name]
    return "".join(f"{classes[label]}\t{text}\n" for text, label in zip(*made(), strict=True))


def main() -> None:
    """Write both files."""
    for name in ("invented_names", "invented_sentences"):
        (FOLDER / f"{name}.txt").write_text(lines(name))


if __name__ == "__main__":
    main()
