"""Everything that runs a model: claim, check, run in a child process, publish. Not needed by the board itself."""
