"""Who is asking: the Hub's sign-in in a Space, one named person on a loopback address, or nobody."""
