"""The parameters cell: right values pass, each wrong one is named with what was expected."""

import pytest

from vae_course.teaching.engine import ParameterError, check_parameters

RULES = {
    "DATASET": ("mnist", "digits"),
    "EPOCHS": 1,
    "RATE": 0.0,
    "SHIPPED": True,
    "BETAS": [0.0],
}
GOOD = {
    "DATASET": "digits",
    "EPOCHS": 3,
    "RATE": 1e-3,
    "SHIPPED": False,
    "BETAS": [0.5, 1, 4.0],
}


def test_good_values_come_back_in_the_order_of_the_rules():
    assert check_parameters({**GOOD, "other": 1}, **RULES) == GOOD
    assert list(check_parameters(GOOD, **RULES)) == list(RULES)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATASET", "cifar", "'mnist' or 'digits'"),
        ("EPOCHS", 0, "a whole number of at least 1"),
        ("EPOCHS", "3", "a whole number of at least 1"),
        ("EPOCHS", 2.0, "a whole number of at least 1"),
        ("EPOCHS", True, "a whole number of at least 1"),
        ("RATE", 0.0, "a number above 0"),
        ("RATE", float("nan"), "a number above 0"),
        ("SHIPPED", 1, "True or False"),
        ("BETAS", [], "a list, each of it a number above 0"),
        ("BETAS", [1.0, 0.0], "a list, each of it a number above 0"),
        ("BETAS", 1.0, "a list, each of it a number above 0"),
    ],
)
def test_a_wrong_value_is_named(name, value, expected):
    with pytest.raises(ParameterError) as error:
        check_parameters({**GOOD, name: value}, **RULES)
    assert f"{name} is {value!r}; expected {expected}." in str(error.value)
    assert ("papermill" in str(error.value)) == isinstance(value, str)


def test_every_wrong_value_is_named_and_a_missing_one_too():
    with pytest.raises(ParameterError, match=r"EPOCHS is 0.*RATE is -1"):
        check_parameters({**GOOD, "EPOCHS": 0, "RATE": -1}, **RULES)
    with pytest.raises(ParameterError, match="RATE is not set"):
        check_parameters({name: value for name, value in GOOD.items() if name != "RATE"}, **RULES)
