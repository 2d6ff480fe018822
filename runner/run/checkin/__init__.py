"""The weekly check-in on a plan: how far its steps and milestones are, by the newest run, and what needs attention."""
