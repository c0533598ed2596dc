"""A workflow as a picture: its steps, what each waits for, and what lies in blocks, branches and loops.

:func:`draw` says what is in the picture; the three renderers only write it down.
"""

from ael.language.drawing.dot import render_dot
from ael.language.drawing.mermaid import render_mermaid
from ael.language.drawing.picture import Box, Group, Picture, draw
from ael.language.drawing.tree import render_tree

__all__ = ["Box", "Group", "Picture", "draw", "render_dot", "render_mermaid", "render_tree"]
