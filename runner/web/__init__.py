"""What people see in a browser: previews of servers in boxes."""
