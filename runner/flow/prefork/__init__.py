"""Flow runs that start at once: a process that has everything imported forks one for each.

Prefect's process worker starts a fresh interpreter for every flow run, which takes about three seconds until the first
line of the flow. Here it starts `launch.py`, which imports next to nothing and asks `zygote.py` for a copy of a
process that is ready. Worker, engine and flow stay Prefect's own.
"""
