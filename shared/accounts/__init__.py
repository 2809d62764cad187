"""Who may call, and what they used: tokens, the look-up that a call waits for, usage and budgets, over SQL."""
