"""The sandbox's Salesforce: one org in memory, spoken to over HTTP as the real one is.

Written from Salesforce's public documentation; where it is known to differ from a real org:

- There is one external client app. Who a caller is follows from the name it gives itself (``X-Tandem-Client``, else its
  user agent): a name that begins with ``tandem`` is the integration user with the package's ``Billing_Integration…``
  permission sets, any other is an administrator. ``harness`` also escapes faults, limits and withheld fields.
- Record sharing, validation rules, flows, triggers and approval do not exist; duplicate rules, record types, person accounts,
  state and country picklists and fields of an org's own are off (switches). A record type limits no picklist.
- A product may be deleted although quote lines name it, and a quote without a price book takes that of its first line.
- A bulk job is complete as soon as it is closed. Composite graph, batch and tree, SOSL, Apex and Tooling are not there.
- SOQL has no date words (``TODAY``), functions, ``TYPEOF``, ``HAVING`` or ``FOR``; each is refused as malformed.

What no REST call offers a test (late commits, merges, undelete, withheld fields, allowances) is in ``switches.py``; how else an org can be
set up, in ``features.py``.
"""
