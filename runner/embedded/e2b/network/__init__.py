"""What a box may reach and who may reach it: rules, without a connection."""
