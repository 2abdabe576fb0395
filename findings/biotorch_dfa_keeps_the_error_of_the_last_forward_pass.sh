#!/usr/bin/env bash
# BioTorch's direct feedback alignment feeds back the error of the last forward pass in training mode, whatever loss
# is differentiated.
#
# Guess: what the hidden layers are told is the derivative, with respect to the network's output, of the loss that
# `backward` is called on; mode `eval`, which only dropout and norms should notice, changes nothing about it.
# Behaviour (biotorch 0.0.16, torch 2.13.0, CPU): `forward` computes the derivative of a loss function of its own and
# leaves it in every layer, where `backward` finds it. So
# - in mode `eval` (fine-tuning with norms held still) hidden layers learn from the error of another batch, the last
#   that was seen in training mode, and the output layer from the right one;
# - where two batches of one size go forward before the sum of their losses goes backward, both bring the second one's
#   error to the hidden layers;
# - a loss that is scaled, as where gradients are accumulated over parts of a batch or in mixed precision, scales the
#   output layer's gradient only.
# Nothing is said in any of the three cases. The other modes (fa, usf, frsf, brsf) do as their papers say.
# Whom it hurts: whoever compares direct feedback alignment with other rules on large batches or in mixed precision.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 biotorch==0.0.16
cat > "$folder/errors.py" <<'PYTHON'
import contextlib
import io
from importlib.metadata import version

import torch
from biotorch.module.biomodule import BioModule
from torch import nn

print("biotorch", version("biotorch"), "torch", torch.__version__)
torch.manual_seed(0)
with contextlib.redirect_stdout(io.StringIO()):
    net = BioModule(nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)), mode="dfa", output_dim=3)
hidden, output = net.module[0], net.module[2]
(x, y), (other_x, other_y) = ((torch.randn(4, 5), torch.randn(4, 3)) for _ in range(2))


def loss(found, wanted):
    return 0.5 * (found - wanted).square().sum()


def error(x, y):
    """The derivative of the loss with respect to the output, of one batch."""
    return (net.module(x) - y).detach()


def hidden_gradient(x, error):
    """Of the hidden layer's weights: the error through the fixed feedback and the derivative of tanh."""
    return ((error @ output.weight_backward) * (1 - torch.tanh(hidden(x)).square())).T.detach() @ x


def output_gradient(x, error):
    return error.T @ torch.tanh(hidden(x)).detach()


def same(found, wanted):
    return torch.allclose(found, wanted, atol=1e-5)


def fresh(training):
    net.zero_grad()
    net.train(training)


fresh(True)
loss(net(x, y, loss), y).backward()
plain = same(hidden.weight.grad, hidden_gradient(x, error(x, y)))
print("one batch, one loss: as in the paper:", plain)

fresh(False)
loss(net(other_x), other_y).backward()
stale = same(hidden.weight.grad, hidden_gradient(other_x, error(x, y)))
stale &= same(output.weight.grad, output_gradient(other_x, error(other_x, other_y)))
print("eval: the hidden layer has the error of the batch before, the output layer its own:", stale)

fresh(True)
(loss(net(x, y, loss), y) + loss(net(other_x, other_y, loss), other_y)).backward()
of_second = error(other_x, other_y)
second = same(hidden.weight.grad, hidden_gradient(x, of_second) + hidden_gradient(other_x, of_second))
print("two batches, one backward: the second one's error for both:", second)

fresh(True)
(loss(net(x, y, loss), y) / 100).backward()
scaled = same(hidden.weight.grad, hidden_gradient(x, error(x, y)))
scaled &= same(output.weight.grad, output_gradient(x, error(x, y)) / 100)
print("a hundredth of the loss: the hidden layer's gradient is whole, the output layer's a hundredth:", scaled)
raise SystemExit(0 if plain and stale and second and scaled else 1)
PYTHON
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" -W ignore "$folder/errors.py"
