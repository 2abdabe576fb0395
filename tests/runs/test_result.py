"""What a session says of its speed."""

from accumbens.runs.result import Result, speed_text


def test_the_speed_is_a_quotient_that_is_shown():
    times = {"session_steps": 1000, "train_seconds": 2.0, "compile_seconds": 7.04}
    result = Result(seeds=[0, 1], wall_seconds=12.0, run="a", interrupted=False, **times)
    said = "1,000 steps/s: 1,000 steps × 2 seeds in 2.00 s of learning; 7.0 s of compiling not counted"
    assert speed_text(result, 1000.0, "step") == said
    older = Result(seeds=[0], wall_seconds=12.0, run="a", interrupted=False)
    assert speed_text(older, 5000.0, "update") == "5,000 updates/s"
