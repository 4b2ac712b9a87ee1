"""The two vendors, spoken to over HTTP: the only importers of `stripe` and `simple_salesforce`.

Each gateway reads, sends one operation or one batch, and sorts every answer into `sync.errors`. None decides anything.
"""
