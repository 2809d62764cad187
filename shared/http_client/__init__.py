"""The HTTP/1.1 client of the service: for upstreams, the trace collector and Prometheus.

In: a method, a URL, headers, a body. Out: a Response whose head is here and whose body arrives, or an HttpFault. llhttp
(through httptools, as in our server) reads the responses; aiohappyeyeballs chooses the address. No redirects, no
cookies, no retries: the caller decides what a failure means. Only a request without a body is sent again, once, if the
server closed a kept connection just as we took it.

Ours, because a gateway does little else: in the same place aiohttp takes three times as much of the CPU, see
loadtests/README.md.
"""
