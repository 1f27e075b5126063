"""Writes tests/golden/answers.json: exact match and F1 of answers by the published rules of SQuAD 1.1 and DROP.

    python3 tests/golden/generators/answers.py > tests/golden/answers.json

Needs nothing beyond Python. SQuAD: Rajpurkar et al., 2016; DROP: Dua et al., 2019, whose spans are matched here by trying
every order. A text's spans are what " and " joins, as in the shared rows.
"""

import collections
import itertools
import json
import re
import string

CASES = [
    ("the Panthers", ["Carolina Panthers", "Panthers"]),
    ("Denver Broncos.", ["The Denver Broncos"]),
    ("The cat sat on a mat", ["a cat on the mat"]),
    ("a", ["the"]),
    ("", ["nothing"]),
    ("10,000", ["10000"]),
    ("5.0", ["5"]),
    ("+5", ["5.00"]),
    ("1e3", ["1000"]),
    ("5 yards", ["5-yard"]),
    ("four yards", ["4 yards"]),
    ("3 touchdowns", ["4 touchdowns"]),
    ("touchdowns", ["4 touchdowns"]),
    ("4 touchdowns", ["touchdowns"]),
    ("$12.50", ["12.5"]),
    ("55%", ["55"]),
    ("18 to 24", ["18 to 24"]),
    ("45 to 64", ["from 45 to 64"]),
    ("Smith and Jones", ["Jones and Smith"]),
    ("Smith", ["Jones and Smith"]),
    ("Smith and Jones and Brown", ["Jones and Smith"]),
    ("Ann Lee and Bo Ray and Cy Day", ["Cy Fay and Ann Ray and Bo Lee"]),
    ("Ann and Ann", ["Ann"]),
    ("22-yard and 35-yard", ["35 yards and 22 yards"]),
    ("1917 and 1918", ["1918 and 1919"]),
    ("it's a dog's life", ["its dogs life"]),
    ("THÉÂTRE", ["théâtre"]),
    ("ŁÓDŹ", ["łódź"]),
    ("ΑΘΗΝΑ", ["αθηνα"]),
    ("Москва", ["МОСКВА"]),
    ("the–end", ["end"]),
    ("“the end”", ["end"]),
    ("theatre an anthem", ["theatre anthem"]),
    ("north\u00a0wind", ["north wind"]),
    ("one\ttwo\u2003three", ["one two three"]),
    ("word word word", ["word word"]),
    ("word", ["word word"]),
    ("U.S.A.", ["usa"]),
    ("co-operate", ["cooperate"]),
    ("1_000", ["1000"]),
    ("1__0", ["10"]),
    (".5", ["0.50"]),
    ("nan", ["NaN"]),
    ("inf", ["infinity"]),
    ("-7", ["7"]),
    ("7 7 8", ["8 7"]),
    ("a an the", ["an apple"]),
    ("x y z", ["z", "y z", "x y z w"]),
]


def squad_form(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad(prediction, reference):
    given, wanted = squad_form(prediction).split(), squad_form(reference).split()
    match = float(given == wanted)
    if not given or not wanted:
        return match, match
    common = sum((collections.Counter(given) & collections.Counter(wanted)).values())
    if common == 0:
        return match, 0.0
    precision, recall = common / len(given), common / len(wanted)
    return match, 2 * precision * recall / (precision + recall)


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def drop_form(text):
    parts = []
    for token in re.split(" |-", text):
        token = token.lower()
        if not is_number(token):
            token = "".join(c for c in token if c not in set(string.punctuation))
        if is_number(token):
            token = str(float(token))
        parts.append(" ".join(re.sub(r"\b(a|an|the)\b", " ", token).split()))
    return " ".join(part for part in parts if part.strip()).strip()


def bag_f1(given, wanted):
    numbers = {word for word in wanted if is_number(word)}
    if numbers and not numbers & given:
        return 0.0
    common = len(given & wanted)
    precision = common / len(given) if given else 1.0
    recall = common / len(wanted) if wanted else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def drop(prediction, reference):
    given, wanted = [[drop_form(span) for span in text.split(" and ")] for text in (prediction, reference)]
    match = float(set(given) == set(wanted) and len(given) == len(wanted))
    length = max(len(given), len(wanted))
    gains = [[bag_f1(set(g.split()), set(w.split())) for w in wanted] for g in given]
    best = 0.0
    for order in itertools.permutations(range(length)):
        best = max(best, sum(gains[i][j] for i, j in enumerate(order) if i < len(given) and j < len(wanted)))
    return match, round(best / length, 2)


def best_of(score, prediction, references):
    pairs = [score(prediction, reference) for reference in references]
    return [max(match for match, _ in pairs), max(f1 for _, f1 in pairs)]


if __name__ == "__main__":
    rows = [{"prediction": p, "references": r, "squad": best_of(squad, p, r), "drop": best_of(drop, p, r)}
            for p, r in CASES]
    print("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]")
