"""What each release promised: its messages, topics and migrations, frozen, and the rules by which the next one keeps them."""
