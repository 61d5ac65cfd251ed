"""`python -m services.notifier` runs one notifier worker."""

from services.notifier.app import main

main()
