"""The routes. Each turns its own JSON into a Call, and the Reply back into JSON; the stack of layers does the rest."""
