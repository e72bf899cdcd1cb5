"""Models behind an OpenAI-compatible server: everything of the parent's that speaks to one.

The child has no network and no key. Its requests leave through a pipe to the `gateway` here, which asks the one server
that the operator configured, within a budget, and stores every answer before it hands it on.
"""
