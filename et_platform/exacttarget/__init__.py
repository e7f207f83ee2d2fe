"""A client for ExactTarget (Marketing Cloud Engagement): OAuth, SOAP and the Enhanced FTP, usable alone.

Start at `client.ExactTarget`; what it takes is in `connection`, what it gives in `models`, what it raises in
`errors`. Belongs here: how to talk to ExactTarget. Does not: what to say (which rows, when, why), Dagster, the
environment, files other than those handed over. Import submodules directly: this one exports nothing, so that
`errors` and `models` cost no import of zeep or asyncssh.

Comments and docstrings mark how sure a fact of the service is: [D] the vendor's documentation, [R] recorded
traffic, [W] the WSDL, [3] third parties, [K] unconfirmed.
"""
