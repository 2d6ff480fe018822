# tries: the program unshare, as every tutorial does
# must: it fails, whatever it asks for
# as: user, root
for words in "-U" "-Ur" "-Urm" "-n" "-Urn" "-m" "-p -f" "-u" "-i" "-C"; do
    unshare $words true 2>/dev/null && { echo "ESCAPED: unshare $words"; exit 1; }
done
echo contained
