"""What the layers that survive a failing upstream are made of; none of it knows how a call is sent."""
