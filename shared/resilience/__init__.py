"""Parts for layers that survive a failing upstream: breakers, retry budgets, a fair queue. None sends a call."""
