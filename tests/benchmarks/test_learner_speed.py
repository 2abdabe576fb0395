"""The table has a row for every agent of an environment, and keeps those of others."""

from accumbens.runs.tables import read_table


def test_agents_beside_the_first(script, tmp_path, monkeypatch):
    speed, path = script("learner_speed"), tmp_path / "learner_speed.csv"
    monkeypatch.setattr(speed, "RESULTS", path)
    for env in ("CartPole-v1", "Acrobot-v1", "CartPole-v1"):
        speed.main(env=env, algos=("pqn", "ad_ck_pqn"), repeats=1, seconds=0.01)
    rows = read_table(path)
    assert [(row["env"], row["algo"]) for row in rows] == [
        (env, algo) for env in ("Acrobot-v1", "CartPole-v1") for algo in ("pqn", "ad_ck_pqn")
    ]
    for row in rows:
        assert 0 < float(row["steps_per_second"]) == float(row["steps_per_second_best"])
        assert 0 < float(row["steps_per_cpu_second"]) == float(row["steps_per_cpu_second_best"])
    assert [row["ratio"] for row in rows[::2]] == ["1.0", "1.0"]
