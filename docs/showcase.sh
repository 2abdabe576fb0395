#!/usr/bin/env bash
# Trains the runs that the documentation shows, and makes every output of theirs that is committed: about two hours on
# two cores. Run it in the root of a checkout, with `uv run --extra dmc --extra video bash docs/showcase.sh`.
set -euo pipefail

train() { accumbens train "$1" "$2" --name "$3" --quiet "${@:4}" --resume; }
train CartPole-v1 ad_pqn showcase --seeds 5
train CartPole-v1 ad_pqn showcase-twin --seeds 5 --credit backprop
for algo in ad_pqn arq_pqn pqn; do train minatar/breakout $algo showcase --seeds 5 --total-timesteps 1000000; done
for algo in ad_pqn arq_pqn; do
  train minatar/breakout $algo showcase-twin --seeds 5 --total-timesteps 1000000 --credit backprop
done
train dmc/walker-walk ad_pqn showcase --total-timesteps 1000000
