"""Right implementations that a hasty checker would take for wrong ones."""
