#!/usr/bin/env bash
# Trains the runs that the documentation shows, and makes every output of theirs that is committed: about two hours on
# two cores. Run it in the root of a checkout, with `uv run --extra dmc --extra video bash docs/showcase.sh`.
set -euo pipefail

train() { accumbens train "$1" "$2" --name "$3" --quiet "${@:4}" --resume; }
train CartPole-v1 ad_pqn showcase --seeds 5
train CartPole-v1 ad_pqn showcase-twin --seeds 5 --credit backprop
for algo in ad_pqn arq_pqn pqn; do train minatar/breakout $algo showcase --seeds 5 --total-timesteps 1000000; done
train minatar/breakout ad_pqn showcase-twin --seeds 5 --total-timesteps 1000000 --credit backprop
train dmc/walker-walk ad_pqn showcase --total-timesteps 1000000

out=docs/assets/showcase breakout=runs/minatar/breakout
ours=($breakout/ad_pqn/showcase $breakout/ad_pqn/showcase-twin $breakout/arq_pqn/showcase $breakout/pqn/showcase)
export COLUMNS=110
accumbens evaluate $breakout/ad_pqn/showcase > $out/evaluate.txt
accumbens compare "${ours[@]}" -o $out/compare.csv --figure $out/compare.png --force > $out/compare.txt
# Of committed results, so that anybody can make these two again without training.
accumbens compare benchmarks/results/family --figure $out/compare_environments.png --force
accumbens report benchmarks/results/family -o $out/report.html --force \
  --title "AD, ARQ, their twins and PQN on two MinAtar games"
accumbens watch $breakout/ad_pqn/showcase -o $out/breakout.gif --force
accumbens watch runs/dmc/walker-walk/ad_pqn/showcase --step 501760 -o $out/walker.gif --max-steps 200 --force
for algo in ad_pqn arq_pqn; do
  accumbens analyze $breakout/$algo/showcase -o build/$algo > $out/$algo.txt
  mkdir -p $out/${algo%_pqn} && cp build/$algo/{pca,norms,scenarios,alignment}.png build/$algo/alignment.csv $out/${algo%_pqn}
done
accumbens export runs/CartPole-v1/ad_pqn/showcase -o build/agent && cp build/agent/README.md $out/card.txt

# Conditioning: docs/assets/conditioning/command.txt has the commands.
