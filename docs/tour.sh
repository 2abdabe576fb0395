#!/usr/bin/env bash
# Runs the commands of docs/tour.md whose outputs it shows: some minutes on two cores.
# Run it in the root of a checkout, with `uv run bash docs/tour.sh`; then docs/generate/update.py.
set -euo pipefail

out=$PWD/docs/assets/tour work=$PWD/build/tour
rm -rf "$work" && mkdir -p "$out" "$work" && cd "$work"
export COLUMNS=100
first=runs/CartPole-v1/ad_pqn/first twin=runs/CartPole-v1/ad_pqn/twin

accumbens train CartPole-v1 ad_pqn --seeds 5 --name first > "$out"/train.txt
accumbens train CartPole-v1 ad_pqn --seeds 5 --name twin --credit backprop > /dev/null
accumbens evaluate $first --num-episodes 20 > "$out"/evaluate.txt
accumbens watch $first -o "$out"/cartpole.gif --max-steps 150 --force > /dev/null
accumbens compare $first $twin > "$out"/compare.txt
accumbens audit CartPole-v1 ad_pqn > "$out"/audit.txt
accumbens audit CartPole-v1 ad_pqn --credit backprop > "$out"/audit_twin.txt
cp $first/curve.png "$out"
accumbens analyze $first > "$out"/analyze.txt
cp $first/analysis_*/alignment.png "$out"
accumbens train CartPole-v1 ad_pqn --seeds 5 --from $first --set epsilon_start=0.1 --name tuned > /dev/null
accumbens runs > "$out"/runs.txt
accumbens export $first -o my-agent > "$out"/export.txt
sed -i "s|$out/||g; s|$work/||g; /still compiling after/d" "$out"/*.txt  # which a busy machine prints
