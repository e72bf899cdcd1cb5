"""The sandbox ("fence") around the child process that runs an untrusted model.

There are three rungs, the strongest first; `ladder.strongest` takes the first one that passes a trial on this machine:

1. bubblewrap: separate namespaces and a separate file tree, created by the `bwrap` program, plus 3.
2. namespaces: the same, created with `unshare` and our own mounts, plus 3.
3. landlock: Landlock rules for files, TCP and signals, and a seccomp filter for the system calls Landlock does not
   cover. It needs no privileges and no user namespaces, so it works in most containers.

The child sees the same paths on all three (`view`). `enter` is the program that restricts itself and then becomes the
child; no code of the model has run before that.
"""

SANDBOX = "EVALUATOR_SANDBOX"
"""The environment variable that gives the child the name of the rung, for its report."""
