"""The intake service: the one door by which back offices of any language open cases, tell them things and ask.

It holds the keys, so that nobody outside needs one; the gate stamps what a caller decides, in the caller's own name.
"""
