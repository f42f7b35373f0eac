"""Programs people run: the `microinterp` command and what is behind each of its verbs."""
