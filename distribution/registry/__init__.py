"""The HTTP front end: Registry API V2 and the OCI distribution spec over a namespace."""
