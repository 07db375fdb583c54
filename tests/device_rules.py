"""What a CUDA device refuses and what it permits, for a real device and for the stand-in alike.

``test_stand_in_device.py`` runs this file in a process with the stand-in, and on a GPU if there is one.
"""

import copy
import io
import threading
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

HERE = torch.arange(6.0).reshape(2, 3)  # on the CPU
THERE = HERE.to("cuda")
SCALAR, SCALAR_THERE = torch.tensor(2.0), torch.tensor(2.0, device="cuda")
ROWS, ROWS_THERE = torch.tensor([1, 0]), torch.tensor([1, 0], device="cuda")
MASK_THERE = torch.tensor([True, False], device="cuda")
SAME = "Expected all tensors to be on the same device"


def generator(device: str) -> torch.Generator:
    return torch.Generator(device).manual_seed(0)


REFUSED = {
    "sum": (lambda: THERE + HERE, SAME),
    "sum, the other way": (lambda: HERE + THERE, SAME),
    "a scalar of the device": (lambda: HERE * SCALAR_THERE, SAME),
    "comparison": (lambda: THERE == HERE, SAME),
    "matmul": (lambda: THERE @ HERE.T, SAME),
    "cat": (lambda: torch.cat([THERE, HERE]), SAME),
    "stack of scalars": (lambda: torch.stack([SCALAR_THERE, SCALAR]), None),
    "where": (lambda: torch.where(MASK_THERE[:, None], HERE, THERE), None),
    "loss": (lambda: F.mse_loss(THERE, HERE), SAME),
    "linear": (lambda: nn.Linear(3, 2).cuda()(HERE), SAME),
    "a batch there, a model here": (lambda: nn.Linear(3, 2)(THERE), SAME),
    "embedding": (lambda: nn.Embedding(3, 2).cuda()(ROWS), None),
    "convolution": (lambda: nn.Conv1d(2, 2, 1).cuda()(HERE[None]), None),
    "batch norm": (lambda: nn.BatchNorm1d(3).cuda()(HERE), None),
    "gather": (lambda: THERE.gather(1, ROWS[:, None]), SAME),
    "index_select": (lambda: THERE.index_select(0, ROWS), SAME),
    "add_": (lambda: THERE.clone().add_(HERE), SAME),
    "a total on the CPU": (lambda: SCALAR.clone().__iadd__(SCALAR_THERE), SAME),
    "out": (lambda: torch.add(THERE, 1.0, out=HERE.clone()), None),
    "lists of tensors": (lambda: torch._foreach_add([THERE], [HERE]), None),
    "index a CPU tensor": (lambda: HERE[ROWS_THERE], "indices should be either on cpu or on the same device"),
    "mask a CPU tensor": (lambda: HERE[MASK_THERE], "indices should be either on cpu or on the same device"),
    "write by index": (lambda: THERE.clone().__setitem__(ROWS, HERE), None),
    "write by list": (lambda: THERE.clone().__setitem__([0, 1], HERE), None),
    "numpy": (lambda: THERE.numpy(), "can't convert cuda:0 device type tensor to numpy"),
    "asarray": (lambda: np.asarray(THERE), "can't convert cuda:0 device type tensor to numpy"),
    "numpy's functions": (lambda: np.sqrt(THERE), "can't convert cuda:0 device type tensor to numpy"),
    "list to numpy": (lambda: np.array([SCALAR_THERE]), "can't convert cuda:0 device type tensor to numpy"),
    "randn with the CPU's generator": (
        lambda: torch.randn(2, device="cuda", generator=generator("cpu")),
        "Expected a 'cuda' device type for generator but found 'cpu'",
    ),
    "normal_ with the CPU's generator": (
        lambda: THERE.clone().normal_(generator=generator("cpu")),
        "generator",
    ),
    "multinomial with the CPU's generator": (
        lambda: torch.multinomial(THERE + 1, 1, generator=generator("cpu")),
        "generator",
    ),
    "the device's generator on the CPU": (
        lambda: torch.randn(2, generator=generator("cuda")),
        "Expected a 'cpu' device type for generator but found 'cuda'",
    ),
    "a gradient of the other device": (
        lambda: setattr(nn.Parameter(THERE), "grad", HERE),
        "assign a gradient",
    ),
    "a second device": (lambda: torch.zeros(2, device="cuda:7"), "invalid device ordinal"),
    "vmap": (lambda: torch.vmap(lambda row: row + HERE[0])(THERE), SAME),
    "functional_call": (
        lambda: torch.func.functional_call(nn.Linear(3, 2), {"weight": THERE, "bias": THERE[:, 0]}, HERE),
        SAME,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    act, words = REFUSED[name]
    with pytest.raises((RuntimeError, TypeError), match=words):
        act()


PERMITTED = {  # what is done, the same on the CPU, and whether the result is on the device
    "a number": (lambda: THERE * 2 + 1, lambda: HERE * 2 + 1, True),
    "a scalar of the CPU": (lambda: THERE * SCALAR, lambda: HERE * 2, True),
    "where with a scalar": (lambda: torch.where(THERE > 2, THERE, SCALAR), lambda: HERE.clamp(2), True),
    "in place with a scalar": (lambda: THERE.clone().mul_(SCALAR), lambda: HERE * 2, True),
    "copy_ to the device": (lambda: torch.zeros_like(THERE).copy_(HERE), lambda: HERE, True),
    "copy_ from the device": (lambda: torch.zeros_like(HERE).copy_(THERE), lambda: HERE, False),
    "fill_": (lambda: torch.zeros(2).fill_(SCALAR_THERE), lambda: torch.full((2,), 2.0), False),
    "write a slice": (lambda: _written(HERE, slice(0, 2), THERE), lambda: HERE, False),
    "write a slice there": (lambda: _written(THERE, slice(0, 2), HERE), lambda: HERE, True),
    "write a number by index": (lambda: _written(THERE, ROWS, SCALAR), lambda: torch.full((2, 3), 2.0), True),
    "index from the CPU": (lambda: THERE[ROWS], lambda: HERE[ROWS], True),
    "index on the device": (lambda: THERE[ROWS_THERE, ROWS], lambda: HERE[ROWS, ROWS], True),
    "the device's number as an index": (lambda: HERE[ROWS_THERE[0]], lambda: HERE[1], False),
    "shape of the other": (lambda: SCALAR.expand_as(THERE), lambda: SCALAR.expand(2, 3), False),
    "like, here": (lambda: torch.zeros_like(THERE, device="cpu"), lambda: torch.zeros(2, 3), False),
    "like, there": (lambda: torch.zeros_like(HERE, device="cuda"), lambda: torch.zeros(2, 3), True),
    "new_ones": (lambda: THERE.new_ones(2), lambda: torch.ones(2), True),
    "full of the device's number": (
        lambda: torch.full((2,), SCALAR_THERE),
        lambda: torch.full((2,), 2.0),
        False,
    ),
    "a list of the device's numbers": (
        lambda: torch.tensor([SCALAR_THERE]),
        lambda: torch.tensor([2.0]),
        False,
    ),
    "as_tensor": (lambda: torch.as_tensor(THERE), lambda: HERE, True),
    "as_tensor, here": (lambda: torch.as_tensor(THERE, device="cpu"), lambda: HERE, False),
    "to another's place": (lambda: HERE.to(THERE), lambda: HERE, True),
    "type_as": (lambda: THERE.type_as(HERE), lambda: HERE, False),
    "to a type": (lambda: THERE.to(torch.int64), lambda: HERE.long(), True),
    "to(0)": (lambda: HERE.to(0), lambda: HERE, True),
    "cuda, then cpu": (lambda: HERE.cuda().cpu(), lambda: HERE, False),
    "views": (lambda: THERE.T[1:].flatten().detach().data, lambda: HERE.T[1:].flatten(), True),
    "parts": (lambda: THERE.max(1).values, lambda: HERE.max(1).values, True),
    "unbind": (lambda: THERE.unbind()[1], lambda: HERE[1], True),
    "parameter": (lambda: nn.Parameter(THERE).detach(), lambda: HERE, True),
    "deep copy": (lambda: copy.deepcopy(nn.Parameter(THERE)).detach(), lambda: HERE, True),
    "sort by a key from the device": (lambda: HERE[[int(i) for i in ROWS_THERE]], lambda: HERE[ROWS], False),
    "vmap": (lambda: torch.vmap(lambda row: row * 2 + THERE[0])(THERE), lambda: HERE * 2 + HERE[0], True),
    "func.grad": (lambda: torch.func.grad(lambda x: (x * THERE).sum())(THERE), lambda: HERE, True),
    "einsum": (lambda: torch.einsum("ij,kj->ik", THERE, THERE), lambda: HERE @ HERE.T, True),
    "lists of tensors": (lambda: torch._foreach_add([THERE], [THERE])[0], lambda: 2 * HERE, True),
}


def _written(target, index, value):
    target = target.clone()
    target[index] = value
    return target


@pytest.mark.parametrize("name", PERMITTED)
def test_permitted(name):
    act, here, on = PERMITTED[name]
    result = act()
    assert result.device == torch.device("cuda:0" if on else "cpu") and result.is_cuda == on
    assert torch.equal(result.cpu(), here())
    assert (
        torch.equal(HERE, torch.arange(6.0).reshape(2, 3)) and not HERE.is_cuda
    )  # the arguments are untouched


def test_numbers_of_a_device_tensor_are_plain_numbers():
    assert float(SCALAR_THERE) == SCALAR_THERE.item() == 2.0
    assert THERE.tolist() == HERE.tolist() and len(THERE) == 2 and bool(SCALAR_THERE > 1)
    assert f"{SCALAR_THERE:.1f}" == "2.0" and [0, 1, 2][ROWS_THERE[0]] == 1
    assert THERE.get_device() == 0 and HERE.get_device() == -1
    assert THERE.cpu().numpy().sum() == THERE.numpy(force=True).sum() == 15


def test_a_move_to_the_same_device_is_no_copy():
    assert THERE.to("cuda") is THERE and HERE.cpu() is HERE
    assert THERE.to("cuda", copy=True) is not THERE


def test_a_module_moves_with_its_buffers_and_gradients():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    weights = list(model.parameters())
    model(HERE).sum().backward()
    assert model.to("cuda") is model
    assert all(new is old for new, old in zip(model.parameters(), weights, strict=True))
    assert all(
        t.is_cuda for t in [*model.buffers(), *(w.grad for w in weights), *model.state_dict().values()]
    )
    model(THERE).sum().backward()
    model.cpu()
    assert not any(t.is_cuda for t in [*weights, *model.buffers(), *(w.grad for w in weights)])
    model.to(THERE)
    assert weights[0].is_cuda


def trained(device: str, optimizer=torch.optim.Adam, steps: int = 3, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4), nn.Linear(4, 1)).to(device)
    state = optimizer(model.parameters(), lr=0.1, **options)
    for _ in range(steps):
        state.zero_grad()
        model(HERE.to(device)).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        state.step()
    return model, state


@pytest.mark.parametrize("options", [{}, {"fused": True}, {"foreach": True}, {"amsgrad": True}])
def test_training_on_the_device_is_training(options):
    model, state = trained("cuda", **options)
    assert all(p.is_cuda and p.grad.is_cuda for p in model.parameters())
    assert all(v.is_cuda for s in state.state.values() for k, v in s.items() if k != "step")
    reference, _ = trained("cpu", **options)
    exact = torch.cuda.get_device_name() == "stand-in"
    for (name, there), here in zip(model.state_dict().items(), reference.state_dict().values(), strict=True):
        assert torch.equal(there.cpu(), here) or (
            not exact and torch.allclose(there.cpu(), here, atol=1e-4)
        ), name


def test_an_optimizer_follows_its_parameters_only_when_it_is_loaded():
    model, state = trained("cuda")
    saved = state.state_dict()
    model.cpu()
    model(HERE).sum().backward()
    with pytest.raises(RuntimeError, match=SAME):
        state.step()
    state.load_state_dict(saved)
    state.step()


def test_gradients_are_where_their_inputs_are():
    x = HERE.clone().requires_grad_()
    y = x.to("cuda")
    (y * THERE).sum().backward()
    assert x.grad.device.type == "cpu" and torch.equal(x.grad, HERE)
    there = THERE.clone().requires_grad_()
    inner, outer = torch.autograd.grad((there * x.cuda()).sum(), [there, x])
    assert inner.is_cuda and not outer.is_cuda


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * gradient + 0 * x


def test_an_autograd_function_of_ones_own():
    x = THERE.clone().requires_grad_()
    y = Double.apply(x)
    assert y.is_cuda
    y.sum().backward()
    assert x.grad.is_cuda and torch.equal(x.grad.cpu(), torch.full((2, 3), 2.0))


def test_files_remember_the_device():
    file = io.BytesIO()
    torch.save({"there": nn.Parameter(THERE), "here": HERE}, file)

    def loaded(**options):
        file.seek(0)
        return torch.load(file, **options)

    both = loaded()
    assert both["there"].is_cuda and not both["here"].is_cuda
    assert not loaded(map_location="cpu")["there"].is_cuda
    assert loaded(map_location="cuda")["here"].is_cuda
    assert loaded(map_location=torch.device("cuda"), weights_only=True)["here"].is_cuda
    model = nn.Linear(3, 2).cuda()
    model.load_state_dict(nn.Linear(3, 2).state_dict())  # copied across
    assert model.weight.is_cuda


def test_default_device():
    with torch.device("cuda"):
        assert torch.zeros(2).is_cuda and torch.tensor([1.0]).is_cuda and nn.Linear(2, 2).weight.is_cuda
        assert not torch.zeros(2, device="cpu").is_cuda and torch.as_tensor(HERE).is_cuda
        assert F.one_hot(torch.arange(3)).is_cuda
    assert not torch.zeros(2).is_cuda
    torch.set_default_device("cuda")
    assert torch.rand(3).is_cuda
    torch.set_default_device("cpu")
    assert not torch.rand(3).is_cuda


def test_generators():
    there, here = generator("cuda"), generator("cpu")
    assert there.device.type == "cuda" and here.device.type == "cpu"
    assert isinstance(there, torch.Generator) and isinstance(torch.default_generator, torch.Generator)
    drawn = torch.randn(4, device="cuda", generator=there)
    assert drawn.is_cuda and torch.equal(torch.randn(4, device="cuda", generator=generator("cuda")), drawn)
    assert THERE.clone().normal_(generator=there).is_cuda
    assert torch.randperm(4, device="cuda", generator=there).is_cuda
    there.set_state(there.get_state())


def test_random_state_can_be_set_aside():
    torch.manual_seed(0)
    first = torch.rand(2, device="cuda")
    state = torch.cuda.get_rng_state()
    second = torch.rand(2, device="cuda")
    with torch.random.fork_rng():
        torch.rand(5, device="cuda")
    third = torch.rand(2, device="cuda")
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.rand(2, device="cuda"), second) and torch.equal(
        torch.rand(2, device="cuda"), third
    )
    torch.manual_seed(0)
    assert torch.equal(torch.rand(2, device="cuda"), first)


def test_autocast_and_recurrent_cells():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.autocast("cuda", dtype=torch.bfloat16):
            assert nn.Linear(3, 2).cuda()(THERE).is_cuda
        states, last = nn.GRU(3, 4, batch_first=True).cuda()(THERE[None])
    assert states.is_cuda and last.is_cuda
    with pytest.raises(RuntimeError):
        nn.GRU(3, 4).cuda()(HERE[None])


def test_threads():
    found = []

    def look():
        found.append(torch.zeros(2, device="cuda").is_cuda)
        try:
            found.append(THERE + HERE)
        except RuntimeError as error:
            found.append(str(error))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found[0] is True and SAME in found[1]


def test_the_device_is_there():
    assert torch.cuda.is_available() and torch.cuda.device_count() >= 1
    torch.cuda.synchronize()
    torch.cuda.manual_seed_all(0)
