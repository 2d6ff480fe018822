# tries: to find the edge's key or the box's token in files, environment and memory
# must: what it prints holds neither
# as: user, root
env
cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\0' '\n'
find / -xdev \( -path /proc -o -path /usr \) -prune -o -type f -size -64k -newermt '-1 day' -print 2>/dev/null |
    head -300 | while read -r name; do cat "$name" 2>/dev/null; done | tr -d '\0'
echo contained
