"""Experiments: committed files of environments × agents × variants, run as one."""
