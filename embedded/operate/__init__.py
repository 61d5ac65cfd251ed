"""The operator's hands: look at a running platform, repair it, and check what it has to keep true."""
