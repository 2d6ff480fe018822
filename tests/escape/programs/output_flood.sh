# tries: to flood whoever keeps what commands print
# must: the edge's memory stays flat
# runs: background
yes "all work and no play makes jack a dull boy"
