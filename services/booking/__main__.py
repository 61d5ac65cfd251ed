"""`python -m services.booking` runs one booking worker."""

from services.booking.app import main

main()
