# tries: to become root of the box by a program with the setuid bit, made by its root
# must: whoever starts it stays who he is
# as: root
import os
import shutil
import subprocess

from attempt import contained, must

made = "/home/user/suid"
shutil.copy("/usr/bin/id", made)
os.chown(made, 0, 0)
os.chmod(made, 0o6755)


def become():
    os.setgroups([])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)


if os.getuid() == 0:
    done = subprocess.run([made, "-u"], preexec_fn=become, capture_output=True, text=True, check=False)
    must(done.stdout in ("1000\n", ""), f"it is {done.stdout}")
contained()
