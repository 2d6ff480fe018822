# tries: to fill the folders that lie in memory
# must: /run is full at its size
dd if=/dev/zero of=/run/hoard bs=1M count=512 2>/dev/null && { echo "ESCAPED: 512 MiB in /run"; exit 1; }
rm -f /run/hoard
echo contained
