#!/usr/bin/env bash
# Minari data sets lose the seeds of their episodes when they are combined, or when a collector adds to one.
#
# Guess: the seed of an episode, which the collector records (and draws, if none is given), stays with the episode.
# Behaviour (minari 0.5.4, gymnasium 1.3.0): `combine_datasets` and `DataCollector.add_to_dataset` copy the episodes by
# what `get_episodes` returns, which has no seeds: those that are copied have none. No warning is given.
# Whom it hurts: everybody who collects in parts, as Minari's own documentation shows, or joins data sets, and later
# wants to play an episode again, to split by seeds, or to find episodes that are in two data sets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "minari[hdf5,create]==0.5.4" gymnasium==1.3.0 numpy==2.4.6 pillow==13.0.0 # minari's extras lack it
cat > "$folder/combine.py" <<'PYTHON'
import gymnasium
import minari


def collected(seeds):
    collector = minari.DataCollector(gymnasium.make("CartPole-v1"))
    for seed in seeds:
        collector.reset(seed=seed)
        while not any(collector.step(0)[2:4]):
            pass
    return collector


def seeds_of(data):
    return [episode.get("seed") for episode in data.storage.get_episode_metadata(range(data.total_episodes))]


one, two = (collected(seeds).create_dataset(f"test/{seeds[0]}-v0") for seeds in ([1, 2], [3, 4]))
both = minari.combine_datasets([one, two], "test/both-v0")
before = seeds_of(one) + seeds_of(two)
collected([9]).add_to_dataset(one)
print(f"minari {minari.__version__}: recorded {before}, combined {seeds_of(both)}, with one added {seeds_of(one)}")
raise SystemExit(0 if (before, seeds_of(both), seeds_of(one)) == ([1, 2, 3, 4], [None] * 4, [1, 2, None]) else 1)
PYTHON
MINARI_DATASETS_PATH="$folder/sets" "$folder/venv/bin/python" -W ignore "$folder/combine.py"
