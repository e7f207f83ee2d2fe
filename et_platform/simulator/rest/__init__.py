"""REST: reading and writing the rows of data extensions, and where the other endpoints are.

What belongs here: paths, bearer tokens, scopes and JSON of REST. What does not: the endpoints that give tokens
(`oauth.py`), what a field accepts (`values.py`), how rows are written (`objects/row_writer.py`).
The shapes are those of recorded answers [R] and of the vendor's documentation [D]; the endpoint
`customobjectdata` is not documented at all, only recorded.
"""
