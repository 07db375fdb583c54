"""The n-gram is a distribution and knows what it counted; novelty and plausibility count what they say."""

import math

import pytest
import torch

from recipes.text_models import bits_per_token, text_quality
from vae_course.data.loading import load
from vae_course.data.text import END, START, UNKNOWN, TextData, Tokenizer
from vae_course.evaluation.baselines import NGram


def few(*texts):
    tokenizer = Tokenizer.of(["abc"])
    return TextData("few", "train", texts, tokenizer.encode(texts), tokenizer)


def test_the_rule_of_witten_and_bell_by_hand():
    model = NGram(few("ab", "ac"), order=2)
    a, b = (model_token for model_token in (4, 5))
    uniform = 1 / 5  # END, unknown, a, b, c
    one_b = (1 + 4 * uniform) / (6 + 4)  # 6 tokens were seen, 4 different ones: a b END c
    assert model.probability(b, ()) == pytest.approx(one_b)
    assert model.probability(b, (a,)) == pytest.approx((1 + 2 * one_b) / (2 + 2))
    assert model.probability(b, (UNKNOWN,)) == pytest.approx(one_b)
    whole = model.log_prob(few("ab").tokens).item()
    steps = [(a, (START,)), (b, (a,)), (END, (b,))]
    assert whole == pytest.approx(sum(math.log(model.probability(*step)) for step in steps))


@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_add_up_to_one(order):
    data = load("invented_names", subset=200)
    model = NGram(data, order)
    for context in ((), (START,), (5, 6), (START, 9, 9), (9, 9, 9)):
        context = context[-(order - 1) :] if order > 1 else ()
        total = sum(
            model.probability(token, context) for token in range(len(data.tokenizer)) if token not in (0, 1)
        )
        assert total == pytest.approx(1)


def test_longer_contexts_help_and_padding_does_not_count():
    train, held_out = load("invented_names"), load("invented_names", "validation")
    nats = [-NGram(train, order).log_prob(held_out.tokens).mean().item() for order in (1, 2, 3)]
    assert nats[0] > nats[1] > nats[2]
    model = NGram(train, 3)
    wider = torch.cat([held_out.tokens, torch.zeros(len(held_out), 3, dtype=torch.int64)], dim=1)
    assert torch.equal(model.log_prob(wider), model.log_prob(held_out.tokens))


def test_draws_follow_the_counts():
    data = few("ab", "ab", "ac", "b")
    drawn = NGram(data, 3).sample(1500, torch.Generator().manual_seed(0))
    texts = data.tokenizer.decode(drawn)
    model = NGram(data, 3)
    for text in ("ab", "ac"):
        p = model.log_prob(data.tokenizer.encode([text])).exp().item()
        share = texts.count(text) / 1500
        # Unknown tokens are not written, so shares lie a little above the probabilities.
        assert -4 * math.sqrt(p / 1500) < share - p < 0.1 + 4 * math.sqrt(p / 1500)
    assert (drawn != UNKNOWN).all()


def test_bits_per_token():
    data = few("ab", "a", "b")
    assert data.lengths.tolist() == [3, 2, 2]
    assert bits_per_token(7 / 3 * math.log(2), data) == pytest.approx(1)


def test_copies_random_letters_and_real_texts_are_told_apart():
    train, held_out = load("invented_names"), load("invented_names", "validation")
    judge = NGram(load("invented_names", "test"), 3)
    copies = text_quality(train.texts[:300], train, held_out, judge)
    assert copies.novel.value == copies.recovered.value == copies.plausible_novel.value == 0
    assert copies.plausible.value > 0.85 and copies.distinct == 1
    real = text_quality(held_out.texts, train, held_out, judge)
    assert real.novel.value == real.recovered.value == 1
    assert real.plausible.value == pytest.approx(0.95, abs=0.01)
    letters = torch.randint(4, len(train.tokenizer), (300, 7), generator=torch.Generator().manual_seed(0))
    noise = text_quality(train.tokenizer.decode(letters), train, held_out, judge)
    assert noise.novel.value > 0.99 and noise.plausible.value < 0.2 and noise.judge_bits > real.judge_bits
    assert text_quality(["bob"] * 4, train, held_out, judge).distinct == 0.25
