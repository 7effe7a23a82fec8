"""The entry point of pytest: it loads gradcheck_sym.pytest_plugin by its name.

Loaded by that name, the plugin is one and the same however it is asked for: installed, by
`-p gradcheck_sym.pytest_plugin`, or by both at once, which pytest refuses of one module under two
names.
"""

from __future__ import annotations

pytest_plugins = ("gradcheck_sym.pytest_plugin",)
