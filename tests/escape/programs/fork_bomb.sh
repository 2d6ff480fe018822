# tries: the fork bomb in bash, left running
# must: processes stop at the box's limit; edge and other boxes serve meanwhile; all end with the box
# as: user, root
# runs: background
bomb() { bomb | bomb & }
bomb
sleep 60
