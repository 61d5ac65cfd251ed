"""`python -m services.payment` runs one payment worker."""

from services.payment.app import main

main()
