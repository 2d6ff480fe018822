# tries: to change the agent's program, the tools and the interpreter it runs on
# must: they can be read, not written, moved or mounted over
# as: user, root
import glob
import os
import sys

from attempt import contained, must, unwritable

targets = [*glob.glob("/opt/runner/lib/**/*.py", recursive=True), os.path.realpath(sys.executable), os.__file__]
for path in targets:
    if path.startswith("/usr/"):
        continue  # a box's own copy, where it has one
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
contained()
