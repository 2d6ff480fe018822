# tries: to be spared when memory is short, at the cost of the edge
# must: nobody in a box can be better off than the box was made
# as: user, root
from attempt import contained, must

for value in range(-1000, 0, 100):
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(value))
    except OSError:
        continue
    must(False, f"oom_score_adj of {value}")
contained()
