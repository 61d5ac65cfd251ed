"""What a receiver of webhooks needs to check their signatures: copy the file of your language."""
