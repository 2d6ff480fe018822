"""The control plane: E2B's REST API as the vendor's SDKs call it, one module for each family of routes."""
