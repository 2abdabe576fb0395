"""The kind "team": several agents that learn from data, or by playing."""
