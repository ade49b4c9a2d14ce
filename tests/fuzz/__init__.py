"""Long fuzzing by hand and a minute of it in CI: `make fuzz SECONDS=3600`."""
