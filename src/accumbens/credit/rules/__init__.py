"""The rules: how every layer learns of the error. A rule is two pure functions, `init` and `update`."""
