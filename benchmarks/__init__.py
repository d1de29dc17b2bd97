"""What is measured, against what; each program prints its figures."""
