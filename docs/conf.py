"""Sphinx's configuration: MyST pages beside this file, and references written from the code."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import references  # noqa: E402  # a module beside this one

import gradcheck_sym  # noqa: E402

references.write(HERE / "reference")

project = "gradcheck_sym"
author = "the gradcheck_sym authors"
release = version = gradcheck_sym.__version__
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True
html_theme = "furo"
html_title = "gradcheck_sym"
