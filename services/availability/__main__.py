"""`python -m services.availability` runs one availability worker."""

from services.availability.app import main

main()
