"""What can go wrong with a request. The texts are for the log: they name addresses, which clients must not see."""


class HttpFault(Exception):
    """There is no whole response."""


class NoConnection(HttpFault):
    """Nobody knows the host, it refuses the connection, or TLS or the proxy does."""


class ConnectTimeout(HttpFault):
    """There was no connection in time: all are in use, or the host does not answer."""


class Dropped(HttpFault):
    """The connection broke before the response was complete."""


class NotHttp(HttpFault):
    """The response is not valid HTTP/1.1, or its body is encoded in a way that we did not ask for."""


class TooLarge(HttpFault):
    """The body is larger than its reader allows."""
