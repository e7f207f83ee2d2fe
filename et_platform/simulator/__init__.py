"""A local ExactTarget: OAuth2, SOAP, import engine and SFTP in one process, with its own store.

What belongs here: the *other side* of the wire, as faithful as the facts allow. A server in its own right.
What does not: anything of the platform. Production code never imports this package, and this package imports
nothing of `et_platform` (it reads the WSDL of `et_platform/wsdl` as data).

Comments cite how sure a fact is: [D] vendor's documentation, [R] recorded traffic, [W] WSDL, [3] third party,
[K] unconfirmed. Whatever is [K] and could matter to a client is a setting in `behaviour.py`.
"""
