# tries: to change the agent's program, and the interpreter that runs it and all other boxes' agents
# must: the one is read-only; of the other a box has its own at most, and the host's is as it was
# host: programs
# as: user, root
import glob
import os
import sys

from attempt import contained, must, unwritable

targets = glob.glob("/opt/runner/lib/**/*.py", recursive=True)
must(targets, "the agent's program is not there: nothing was tried")
for path in targets:
    unwritable(path)
    for change in (os.unlink, lambda each: os.rename(each, each + ".old"), lambda each: os.chmod(each, 0o777)):
        try:
            change(path)
        except OSError:
            continue
        must(False, f"{path} can be changed")
for folder in ("/opt/runner", "/opt/runner/lib", "/opt/runner/lib/box"):
    try:
        open(os.path.join(folder, "json.py"), "w")
    except OSError:
        continue
    if folder != "/opt/runner":
        must(False, f"{folder} takes files")
for path in (os.path.realpath(sys.executable), os.__file__, "/usr/bin/bash", "/usr/bin/env"):
    try:
        os.rename(path, path + ".old")
        with open(path, "w") as file:
            file.write("#!/bin/false")
        os.rename(path + ".old", path)  # this box's next command needs it
    except OSError:
        continue
contained()
