#!/usr/bin/env bash
# Minari cannot write where MINARI_DATASETS_PATH is a relative path.
#
# Guess: `MINARI_DATASETS_PATH=data` keeps data sets in the folder `data` of the working directory, as other variables
# of paths do.
# Behaviour (minari 0.5.4, gymnasium 1.3.0): when the first episode ends, FileNotFoundError for a path in which the folder
# stands twice: `MinariStorage.get_size` joins the data set's path to what its own `glob` returned, which begins with it.
# Whom it hurts: everybody who keeps data beside a project, in a container or on a cluster; it fails after an episode was
# played, and the message names a file that nobody asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "minari[hdf5,create]==0.5.4" gymnasium==1.3.0 numpy==2.4.6 pillow==13.0.0 # minari's extras lack it
cat > "$folder/record.py" <<'PYTHON'
import os
import sys

import gymnasium
import minari

collector = minari.DataCollector(gymnasium.make("CartPole-v1"))
collector.reset(seed=0)
try:
    while not any(collector.step(0)[2:4]):
        pass
    outcome = "written"
except FileNotFoundError as error:
    outcome = f"FileNotFoundError, {'the folder stands twice' if error.filename.count('sets') == 2 else error.filename}"
path = os.environ["MINARI_DATASETS_PATH"]
print(f"minari {minari.__version__}, {'an absolute' if os.path.isabs(path) else 'a relative'} path: {outcome}")
sys.exit(outcome != sys.argv[1])
PYTHON
cd "$folder"
MINARI_DATASETS_PATH="$folder/sets" venv/bin/python -W ignore record.py written
MINARI_DATASETS_PATH=sets venv/bin/python -W ignore record.py "FileNotFoundError, the folder stands twice"
