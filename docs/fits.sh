#!/usr/bin/env bash
# Makes the outputs of `accumbens fit`, `compare` and `audit` that the documentation shows: some minutes on two cores.
# Run it in the root of a checkout, with `uv run bash docs/fits.sh`.
set -euo pipefail

out=docs/assets/fits runs=build/fits
mkdir -p $out
export COLUMNS=110
fit() { accumbens fit digits "$1" --seeds 5 --epochs 100 --evaluations 10 --output $runs --name first --resume; }

fit direct-feedback-alignment > $out/fit.txt
fit examples.custom_rule:node-perturbation > $out/custom_rule.txt
for rule in backprop straight-through coagent gevb; do fit $rule; done
cp $runs/digits/direct-feedback-alignment/first/curve.png $out/curve.png
ours=($runs/digits/{backprop,direct-feedback-alignment,gevb,straight-through,coagent}/first)
accumbens compare "${ours[@]}" > $out/compare.txt
accumbens audit digits gevb --fast > $out/audit.txt
sed -i "s|$runs|runs|g" $out/*.txt
