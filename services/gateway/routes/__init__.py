"""One file a resource: what can be called, and which command or read it becomes."""
