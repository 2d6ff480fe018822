# tries: to keep all processors busy with the highest priority it can get
# must: edge and other boxes serve meanwhile
# runs: background
for each in 1 2 3 4 5 6 7 8; do nice -n -20 sh -c 'while :; do :; done' 2>/dev/null & done
sleep 60
