"""What runs INSIDE a box: the agent that answers E2B's envd protocol.

This folder is shipped into every box as it is, so its modules import only the standard library and one
another. `http1` is also used by the edge, which has to speak the same protocol on both sides.
"""
