"""What an endpoint keeps in folders: its own state, keys of the API, secrets, volumes."""
