"""The rules read a second time: plain recomputation, sharing nothing with the other services but the schemas."""
