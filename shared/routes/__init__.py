"""The routes: each translates its own JSON into a Call and a Reply back into JSON, and leaves the rest to the stack."""
