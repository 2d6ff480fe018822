# tries: to replace bash, which runs the next command
# must: only this box has the other one, or not even that
# as: user, root
printf '#!/bin/sh\necho evil >/tmp/evil\nexec /bin/sh "$@"\n' > shell && chmod 755 shell
cp shell /usr/bin/bash.new 2>/dev/null && mv /usr/bin/bash.new /usr/bin/bash 2>/dev/null
cp shell /usr/local/bin/bash 2>/dev/null
echo contained
