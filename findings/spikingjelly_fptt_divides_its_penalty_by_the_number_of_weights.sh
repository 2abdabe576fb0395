#!/usr/bin/env bash
# SpikingJelly's FPTT divides its penalty by the number of weights, so in large layers it is nearly one-step learning.
#
# Guess: `fptt_online_training` descends, at each step, the loss of that step plus α/2 · the squared distance of the weights
# to their corrected running average (Kag & Saligrama, 2021), which is what carries credit through time; the distance is
# summed over weights, as the paper has it, and the correction is the gradient of the same step of the same sequence.
# Behaviour (spikingjelly 2.0.0, torch 2.13.0, CPU): the distance is a mean over the weights of each parameter, so the
# penalty pulls with α divided by their number: the whole of α for 1 weight, 1/32 for 8 × 4, 1/4096 for 64 × 64. With
# α = 0.5 three sequences of 20 steps move the 64 × 64 weights of a LIF layer as no penalty at all would, up to a
# thousandth; with the sum they go elsewhere (by 80 % of the way that they went). And the correction's gradient is taken
# after the step's input has been shown a second time, to the state that it left: a module that adds up ones is asked
# for the loss at 1, 2, 2, 3, 3 in place of 1, 1, 2, 2, 3.
# Whom it hurts: whoever compares FPTT with BPTT or with one-step learning: in large layers nearly one-step learning is
# measured. A larger α does not mend it: the running average's correction is divided by α as well, and that term is not
# averaged (argued from the code, not measured).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet spikingjelly==2.0.0 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
cat > "$folder/fptt.py" <<'PYTHON'
from importlib.metadata import version

import torch
from spikingjelly.activation_based import base, functional, neuron
from spikingjelly.activation_based.learning.online_learning import fptt_online_training, fptt_online_training_init_w_ra
from torch import nn

print("spikingjelly", version("spikingjelly"), "torch", version("torch"))
ALPHA, RATE, STEPS, SEQUENCES, WIDTH = 0.5, 0.1, 20, 3, 64


def pull(inputs, outputs):
    """How far one step without any loss moves weights towards a running average of 0, as a part of what α asks for."""
    torch.manual_seed(0)
    layer = nn.Linear(inputs, outputs, bias=False)
    before = layer.weight.detach().clone()
    optimizer = torch.optim.SGD(layer.parameters(), RATE)
    nothing, zeros = torch.zeros(1, 1, inputs), torch.zeros(1, 1, outputs)
    fptt_online_training(layer, optimizer, nothing, zeros, lambda y, _: 0 * y.sum(), ALPHA, [torch.zeros_like(before)])
    return float(((before - layer.weight) / (RATE * ALPHA * before)).mean())


class Sum(base.MemoryModule):
    """Adds up its inputs, and keeps what its state was at each call."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen = nn.Parameter(torch.ones(1)), []
        self.register_memory("total", 0.0)

    def forward(self, x):
        self.total = self.total + self.weight * x
        self.seen.append(int(self.total))
        return self.total


def moved(how):
    """By what a layer's weights have changed after some sequences: the library's way, without a penalty, with the summed one."""
    torch.manual_seed(0)
    cell = neuron.LIFNode()
    net = nn.Sequential(nn.Linear(WIDTH, WIDTH, bias=False), cell)
    weight = net[0].weight
    first, loss = weight.detach().clone(), lambda y, target: ((y - target) ** 2).sum()
    optimizer = torch.optim.SGD(net.parameters(), RATE / 10)
    average = fptt_online_training_init_w_ra(optimizer)
    for _ in range(SEQUENCES):
        x, target = (torch.rand(STEPS, 1, WIDTH) < 0.3).float(), (torch.rand(STEPS, 1, WIDTH) < 0.3).float()
        if how == "library":
            fptt_online_training(net, optimizer, x, target, loss, ALPHA, average)
        else:
            last_gradient = torch.zeros_like(first)
            for now in range(STEPS):
                potential = cell.v
                descended = loss(net(x[now]), target[now])
                if how == "summed":
                    descended = descended + ALPHA / 2 * ((weight - average[0] - last_gradient / (2 * ALPHA)) ** 2).sum()
                optimizer.zero_grad()
                descended.backward()
                optimizer.step()
                functional.detach_net(net)
                if how == "summed" and now < STEPS - 1:
                    left, cell.v = cell.v, potential
                    (last_gradient,) = torch.autograd.grad(loss(net(x[now]), target[now]), weight)
                    cell.v = left
                    average[0] = (average[0] + weight.detach()) / 2 - last_gradient / (2 * ALPHA)
        functional.reset_net(net)
    return weight.detach() - first


parts = {f"{a} × {b}": pull(a, b) for a, b in ((1, 1), (8, 4), (64, 64))}
print("part of α that pulls, by the layer's size:", {size: round(part, 6) for size, part in parts.items()})
adder = Sum()
fptt_online_training(
    adder, torch.optim.SGD(adder.parameters(), 0.0), torch.ones(3, 1), torch.zeros(3, 1), lambda y, _: y.sum(), ALPHA,
    [torch.ones(1)],
)
print("the sum of ones, at each evaluation in three steps:", adder.seen)
plain, library, summed = moved("plain"), moved("library"), moved("summed")
apart = [float((way - plain).norm() / plain.norm()) for way in (library, summed)]
print("change of weights, away from that without a penalty: the library's {:.4f}, with the sum {:.4f}".format(*apart))
shown = all(abs(part * a * b - 1) < 0.01 for part, (a, b) in zip(parts.values(), ((1, 1), (8, 4), (64, 64)), strict=True))
shown &= adder.seen == [1, 2, 2, 3, 3] and apart[0] < 0.005 and apart[1] > 0.5
raise SystemExit(0 if shown else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/fptt.py"
