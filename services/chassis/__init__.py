"""What every service stands on and none owns; it knows no clinical word."""
